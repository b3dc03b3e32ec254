"""How true the delays are that `forerun calibrate latency` finds, and how honest it is about how sure it is.

    python -m bench.calibration.latency --trials 40

Every trial draws how late orders act (0 to 60 ms) and frames are stamped (0 to 80 ms), the noise of the picture, and where the arm
stands; the program then runs as it does on a robot, through the real driver and rendered pictures. From an order to its motion
there is more than the delay drawn: the order's bytes on the wire, half a period of being held, and the servo's own following,
all known here. An interval is honest where the truth is inside it in 95 of 100 trials.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.closed_loop.intervals import wilson
from bench.workplace.simulated_workplace import REST_RAD, SimulatedWorkplace
from calibration.latency.judgement import Latencies, checks_of, find_latencies
from calibration.latency.picture_motion import NoMotionError
from calibration.latency.recording import plan_motion, record_motion
from drivers.feetech.protocol import sync_write
from drivers.feetech.registers import GOAL_POSITION
from interfaces.robot_config import load_robot
from sim.truth import Truth

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"
DELAY_MAX_MS, STAMP_MAX_MS, NOISE_MAX = 60.0, 80.0, 4.0
JOINT = 0
POSE_NOISE_RAD = 0.03
TARGET_MS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One calibration: the delays found, less the true ones."""

    command_error_ms: float
    command_width_ms: float
    frame_error_ms: float
    frame_width_ms: float
    delay_error_ms: float  # of what is left without the servo's following
    delay_width_ms: float
    passed: bool


def one_trial(seed: int, seconds: float = 20.0) -> Trial | None:
    """Return one trial, None where the program saw no motion."""
    rng = np.random.default_rng((seed, 11))
    truth = Truth(
        command_delay_ms=float(rng.uniform(0, DELAY_MAX_MS)),
        stamp_delay_ms=float(rng.uniform(0, STAMP_MAX_MS)),
        image_noise=float(rng.uniform(0, NOISE_MAX)),
    )
    with tempfile.TemporaryDirectory() as folder:
        place = SimulatedWorkplace(load_robot(ROBOT_FILE), truth, folder=Path(folder), seed=seed)
        place.world.hand.guide(np.array(REST_RAD) + rng.uniform(-POSE_NOISE_RAD, POSE_NOISE_RAD, 6))
        place.clock.wait_until(place.clock.now_ns() + round(rng.uniform(1.0, 1.1) * 1e9))
        try:
            found = latencies_of(place, seconds)
        except NoMotionError:
            return None
        command_ms = truth.command_delay_ms + order_to_motion_ms(place)
        wire_ms = _wire_ms(place)
    return Trial(
        command_error_ms=found.command_ms.value - command_ms,
        command_width_ms=found.command_ms.half_width,
        frame_error_ms=found.picture_ms.value - truth.stamp_delay_ms,
        frame_width_ms=found.picture_ms.half_width,
        delay_error_ms=1e3 * found.command.delay_s - truth.command_delay_ms - wire_ms,
        delay_width_ms=found.command_ms.half_width + 1e3 * found.command.following_s.half_width,
        passed=all(check.passed for check in checks_of(found)),
    )


def latencies_of(place: SimulatedWorkplace, seconds: float) -> Latencies:
    """Return what the program finds, without what it says."""
    workplace = place.workplace
    camera = workplace.make_camera(workplace.camera_config(None))
    camera.open()
    with workplace.arm_session() as arm:
        place.operator.confirm("arm-moves", "may it?", default=True)
        plan = plan_motion(arm, arm.hold().position_rad, JOINT, degrees=4.0, duration_s=seconds)
        recording = record_motion(workplace, arm, camera, plan)
    camera.close()
    return find_latencies(recording)


def order_to_motion_ms(place: SimulatedWorkplace) -> float:
    """Return how late slow motion is with no delay: bytes on the wire, half a period held, and a spring against dampers."""
    model = place.world.model
    damping = float(model.dof_damping[JOINT]) - float(model.actuator_biasprm[JOINT, 2])
    following_ms = 1e3 * damping / float(model.actuator_gainprm[JOINT, 0])
    return _wire_ms(place) + 0.5e-6 * place.robot.arm.period_ns + following_ms


def _wire_ms(place: SimulatedWorkplace) -> float:
    order = sync_write(GOAL_POSITION.address, {servo_id: bytes(2) for servo_id in range(1, 7)})
    return 1e3 * 10 * len(order) / place.robot.arm.baud_hz


def table_of(trials: Sequence[Trial | None]) -> Table:
    """Return the figures."""
    seen = [trial for trial in trials if trial is not None]
    table = Table("", "error, mean", "sd", "worst", "interval", "truth inside", f"within {TARGET_MS:g} ms")
    rows: tuple[tuple[str, Callable[[Trial], float], Callable[[Trial], float]], ...] = (
        ("command to motion, ms", lambda t: t.command_error_ms, lambda t: t.command_width_ms),
        ("stamp of a frame, ms", lambda t: t.frame_error_ms, lambda t: t.frame_width_ms),
        ("delay alone, ms", lambda t: t.delay_error_ms, lambda t: t.delay_width_ms),
    )
    for name, error_of, width_of in rows:
        errors, widths = np.array([error_of(t) for t in seen]), np.array([width_of(t) for t in seen])
        inside, within = int((abs(errors) <= widths).sum()), int((abs(errors) <= TARGET_MS).sum())
        table.add_row(
            name,
            f"{errors.mean():+.2f}",
            f"{errors.std():.2f}",
            f"{abs(errors).max():.2f}",
            f"+- {widths.mean():.2f}",
            _share(inside, len(seen)),
            _share(within, len(seen)),
        )
    return table


def main(arguments: Sequence[str]) -> None:
    """Run the trials and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args(arguments)
    console = Console()
    trials = [one_trial(seed, options.seconds) for seed in range(options.trials)]
    n_passed = sum(trial is not None and trial.passed for trial in trials)
    console.print(table_of(trials))
    console.print(
        f"{n_passed} of {len(trials)} trials of {options.seconds:g} s passed; {trials.count(None)} saw no motion"
    )


def _share(part: int, whole: int) -> str:
    low, high = wilson(part, whole)
    return f"{part}/{whole} ({low:.0%} to {high:.0%})"


if __name__ == "__main__":
    main(sys.argv[1:])
