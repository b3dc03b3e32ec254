"""What `forerun calibrate servo` finds of joints whose friction and play are known, and how often it cries wolf.

    python -m bench.calibration.servo --trials 12

Every trial draws a joint, its dry friction, its play and the bus's delay, and measures it three times through the real driver: twice
as it is, elsewhere (a change found then is a false alarm), and once worn: friction and play have grown. Friction as the record has
it is the effort to keep moving at 0.6 rad/s, the model's own damping included; the truth of it is known.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.closed_loop.intervals import wilson
from bench.workplace.simulated_workplace import REST_RAD, SimulatedWorkplace
from calibration.servo.comparison import changes
from calibration.servo.procedure import JointFound, JointTrial, middle_of
from interfaces.robot_config import load_robot
from sim.truth import Truth

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"
FRICTION_MAX_NM, PLAY_MAX_RAD, DELAY_MAX_MS = 0.2, 0.006, 20.0
WORN_NM, WORN_PLAY_RAD = 0.45, 0.010  # more than when it was new
POSE_NOISE_RAD = 0.1
HALF_RAD = 0.17


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One joint, once."""

    found: JointFound
    friction_ratio: float  # true, at the speed that the record means
    play_rad: float  # true


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One joint three times."""

    new: tuple[Measured, Measured]
    worn: Measured


def measure(joint: int, truth: Truth, seed: int) -> Measured:
    """Return what is found of one joint of a robot."""
    rng = np.random.default_rng((seed, 13))
    with tempfile.TemporaryDirectory() as folder:
        place = SimulatedWorkplace(load_robot(ROBOT_FILE), truth, folder=Path(folder), seed=seed)
        place.world.hand.guide(np.array(REST_RAD) + rng.uniform(-POSE_NOISE_RAD, POSE_NOISE_RAD, 6))
        place.clock.wait_until(place.clock.now_ns() + 1_000_000_000)
        with place.workplace.arm_session() as arm:
            place.operator.confirm("arm-moves", "may it?", default=True)
            middle_rad, half_rad = middle_of(arm, joint, arm.hold().position_rad, HALF_RAD)
            found = JointTrial(arm, place.clock, joint, middle_rad, half_rad).find(lambda _what, _share: None)
        model = place.world.model
        dry_nm, damping = float(model.dof_frictionloss[joint]), float(model.dof_damping[joint])
        most_nm = float(model.actuator_forcerange[joint, 1])
    friction_ratio = (dry_nm + damping * found.friction.slow_rad_s) / most_nm
    return Measured(found=found, friction_ratio=friction_ratio, play_rad=truth.backlash_rad[joint])


def one_trial(seed: int) -> Trial:
    """Return one trial."""
    rng = np.random.default_rng((seed, 17))
    joint = int(rng.integers(6))
    friction_nm, play_rad = float(rng.uniform(0, FRICTION_MAX_NM)), float(rng.uniform(0, PLAY_MAX_RAD))
    delay_ms = float(rng.uniform(0, DELAY_MAX_MS))

    def truth(more_nm: float, more_rad: float) -> Truth:
        return Truth(
            friction_nm=tuple(friction_nm + more_nm if k == joint else 0.0 for k in range(6)),
            backlash_rad=tuple(play_rad + more_rad if k == joint else 0.0 for k in range(6)),
            command_delay_ms=delay_ms,
        )

    new = measure(joint, truth(0.0, 0.0), 3 * seed), measure(joint, truth(0.0, 0.0), 3 * seed + 1)
    return Trial(new=new, worn=measure(joint, truth(WORN_NM, WORN_PLAY_RAD), 3 * seed + 2))


def table_of(trials: Sequence[Trial]) -> Table:
    """Return the figures."""
    table = Table(
        "joint", "friction, true", "found", "worn, true", "found", "play mrad, true", "found", "worn, true", "found"
    )
    for trial in trials:
        new, worn = trial.new[0], trial.worn
        cells = [new.found.config.name]
        for each in (new, worn):
            cells += [f"{each.friction_ratio:.1%}", f"{each.found.record().friction_ratio:.1%}"]
        for each in (new, worn):
            cells += [f"{1e3 * each.play_rad:.1f}", f"{1e3 * each.found.play.play_rad.value:.1f}"]
        table.add_row(*cells)
    return table


def rates_of(trials: Sequence[Trial]) -> dict[str, int]:
    """Return in how many trials a change was found: where there was none, and of each kind where there was one."""
    counts = {"false alarm": 0, "friction": 0, "backlash": 0}
    for trial in trials:
        first, again, worn = (each.found.record() for each in (*trial.new, trial.worn))
        counts["false alarm"] += bool(changes(first, again) or changes(again, first))
        found = " ".join(changes(first, worn))
        for kind in ("friction", "backlash"):
            counts[kind] += kind in found
    return counts


def main(arguments: Sequence[str]) -> None:
    """Run the trials and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=12)
    console = Console()
    trials: list[Trial] = []
    for seed in range(parser.parse_args(arguments).trials):
        trials.append(one_trial(seed))
        console.print(table_of(trials[-1:]))  # one takes a minute or more
    console.print(table_of(trials))
    every = [each for trial in trials for each in (*trial.new, trial.worn)]
    friction = np.array([each.found.record().friction_ratio - each.friction_ratio for each in every])
    play = 1e3 * np.array([each.found.play.play_rad.value - each.play_rad for each in every])
    again = [
        trial.new[1].found.record().friction_ratio - trial.new[0].found.record().friction_ratio for trial in trials
    ]
    console.print(
        f"friction: error {friction.mean():+.1%}, sd {friction.std():.1%}; from one time to the next {np.std(again):.1%}"
    )
    console.print(f"play: error {play.mean():+.2f} mrad, sd {play.std():.2f} mrad")
    for kind, count in rates_of(trials).items():
        low, high = wilson(count, len(trials))
        console.print(f"{kind}: {count}/{len(trials)} ({low:.0%} to {high:.0%})")


if __name__ == "__main__":
    main(sys.argv[1:])
