"""How true the zeros are that `forerun calibrate joints` finds: many arms, mounted anyhow, calibrated by real bytes.

    python -m bench.calibration.joints --trials 50
    python -m bench.calibration.joints --trials 3 --physics      # the arm of MuJoCo, in a hand that carries it

Every trial draws how each motor is mounted, which way it turns, what homing offset it keeps from before, and where the arm
hangs. Feetech servos are mounted at any angle: every other one has its encoder's seam inside the travel. Dynamixel servos,
whose seam no offset moves, are mounted as they must be, but for one in every fourth arm. Printed is the record's home less the
true one, in ticks of the servo: 4096 a turn.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.closed_loop.other_bus import on_bus
from bench.workplace.arm_in_hand import ArmInHand, Mounting, built, true_homes
from bench.workplace.simulated_workplace import SimulatedWorkplace
from calibration.joints import program
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from drivers.homing import ServoHoming
from interfaces.arm_config import JointConfig
from interfaces.calibration.joints import JointsRecord
from interfaces.calibration_config import CalibrationConfig
from interfaces.errors import RefusedError
from interfaces.robot_config import RobotConfig, load_robot
from sim.truth import Truth

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"
TICKS = 4096
RAD_PER_TICK = 2 * math.pi / TICKS
ENCODER_NOISE_TICKS = 0.5
TREMBLE_RAD = 0.002
GIVE_RAD = 0.0005
SEAM_ROOM_TICKS = 23  # of the travel's end, what the program asks for

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How one calibration went."""

    errors_ticks: Array | None  # (joint,); None where it was refused
    refused: bool
    crossing: bool  # a joint's travel crosses the bare encoder's seam, or comes too close to it


def robot_for(family: str, folder: Path) -> RobotConfig:
    """Return the simulated robot with servos of a family, whose offsets go into their EEPROM."""
    robot = on_bus(load_robot(ROBOT_FILE), family)
    calibration = CalibrationConfig(
        folder=str(folder / "records"), require=(), max_age_days=30.0, offsets="eeprom", view="off"
    )
    return replace(robot, calibration=calibration)


def handled_trial(family: str, reference: str, seed: int, *, ideal: bool = False) -> Trial:
    """Return one trial without physics; `ideal` is without noise, trembling and give."""
    rng = np.random.default_rng((seed, 7))
    with tempfile.TemporaryDirectory() as name:
        robot = robot_for(family, Path(name))
        mounting = _mounting(robot, rng, ideal=ideal)
        robot = built(robot, mounting)
        place = ArmInHand(robot, mounting, Path(name), seed)
        _keep_old_offsets(place.workplace.make_homing(), rng)
        home = true_homes(mounting, TICKS)
        crossing = _crosses(place, home, mounting)
        record = _calibrate(place.workplace, reference)
    return _trial(record, home, crossing=crossing)


def physics_trial(family: str, reference: str, seed: int) -> Trial:
    """Return one trial with MuJoCo's arm."""
    rng = np.random.default_rng((seed, 7))
    limit_rad = math.pi if family == "feetech" else 0.2  # a Dynamixel's seam must be off the travel
    offset_rad = tuple(rng.uniform(-limit_rad, limit_rad, 6).tolist())
    with tempfile.TemporaryDirectory() as name:
        place = SimulatedWorkplace(
            robot_for(family, Path(name)), Truth(joint_offset_rad=offset_rad), folder=Path(name), seed=seed
        )
        record = _calibrate(place.workplace, reference)
    home = (TICKS / 2 - np.array(offset_rad) / RAD_PER_TICK) % TICKS
    return _trial(record, home, crossing=False)


def _mounting(robot: RobotConfig, rng: np.random.Generator, *, ideal: bool) -> Mounting:
    n_joints = len(robot.arm.joints)
    direction = rng.choice([-1.0, 1.0], n_joints)
    anyhow_rad = rng.uniform(-math.pi, math.pi, n_joints)
    if robot.arm.driver == "dynamixel":
        middles_rad: Array = np.array([_middle_and_width(joint)[0] for joint in robot.arm.joints])
        widths_rad: Array = np.array([_middle_and_width(joint)[1] for joint in robot.arm.joints])
        room_rad = math.pi - widths_rad / 2 - 2 * SEAM_ROOM_TICKS * RAD_PER_TICK
        well_rad = rng.uniform(-room_rad, room_rad) - direction * middles_rad
        spoilt = rng.random() < 0.25
        anyhow_rad = np.where(spoilt & (np.arange(n_joints) == rng.integers(n_joints)), anyhow_rad, well_rad)
    return Mounting(
        motor_at_zero_rad=anyhow_rad,
        direction=direction,
        encoder_noise_rad=0.0 if ideal else ENCODER_NOISE_TICKS * RAD_PER_TICK,
        tremble_rad=0.0 if ideal else TREMBLE_RAD,
        give_rad=0.0 if ideal else GIVE_RAD,
    )


def _middle_and_width(joint: JointConfig) -> tuple[float, float]:
    low, high = joint.stops_rad or (joint.position_min_rad, joint.position_max_rad)
    return (low + high) / 2, high - low


def _keep_old_offsets(servos: ServoHoming | None, rng: np.random.Generator) -> None:
    """Let the servos keep what somebody wrote into them before."""
    assert servos is not None
    servos.open()
    servos.write_offsets(rng.integers(-servos.offset_max_ticks, servos.offset_max_ticks, 6))
    servos.close()


def _crosses(place: ArmInHand, home: Array, mounting: Mounting) -> bool:
    """Return whether any joint's travel is not clear of the bare encoder's seam."""
    ends = np.sort(
        home + mounting.direction * np.array([place.joints.low_rad, place.joints.high_rad]) / RAD_PER_TICK, 0
    )
    low = ends[0] % TICKS
    high = low + ends[1] - ends[0]
    return bool(((low < SEAM_ROOM_TICKS) | (high > TICKS - 1 - SEAM_ROOM_TICKS)).any())


def _calibrate(workplace: Workplace, reference: str) -> JointsRecord | None:
    parser = argparse.ArgumentParser()
    program.add_arguments(parser)
    try:
        status = program.run(workplace, parser.parse_args(["--reference", reference]))
    except RefusedError:
        return None
    record = RecordStore(workplace.records).current("joints")
    assert status == program.PASSED
    assert isinstance(record, JointsRecord)
    return record


def _trial(record: JointsRecord | None, home: Array, *, crossing: bool) -> Trial:
    if record is None:
        return Trial(errors_ticks=None, refused=True, crossing=crossing)
    found = np.array([joint.home for joint in record.joints])
    errors = (found - home + TICKS / 2) % TICKS - TICKS / 2
    return Trial(errors_ticks=errors, refused=False, crossing=crossing)


def error_table(title: str, names: Sequence[str], trials: Sequence[Trial]) -> Table:
    """Return the errors of each joint, and of all."""
    errors = np.abs([trial.errors_ticks for trial in trials if trial.errors_ticks is not None])
    table = Table("joint", "p50", "p95", "max", "at most 0.5", title=f"{title}: |error| in ticks, {len(errors)} arms")
    for i, name in enumerate([*names, "all"]):
        column = errors[:, i] if i < len(names) else errors.ravel()
        p50, p95 = np.percentile(column, [50, 95])
        table.add_row(name, f"{p50:.2f}", f"{p95:.2f}", f"{column.max():.2f}", f"{np.mean(column <= 0.5):.1%}")
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Run the trials and print the tables; exit status 1 where fewer than 95 % of the zeros are within half a tick."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--family", nargs="+", choices=("feetech", "dynamixel"), default=("feetech", "dynamixel"))
    parser.add_argument("--reference", nargs="+", choices=("stops", "pose"), default=("stops", "pose"))
    parser.add_argument("--physics", action="store_true", help="the arm of MuJoCo: 20 s a trial")
    parser.add_argument("--ideal", action="store_true", help="no noise, no trembling hand, stops that do not give")
    arguments = parser.parse_args(argv)
    console, good = Console(), True
    names = load_robot(ROBOT_FILE).arm.joint_names
    for family in arguments.family:
        for reference in arguments.reference:
            trials = [_one(arguments, family, reference, arguments.seed + k) for k in range(arguments.trials)]
            good &= _report(console, f"{family}, zero by {reference}", names, trials)
    return 0 if good else 1


def _one(arguments: argparse.Namespace, family: str, reference: str, seed: int) -> Trial:
    if arguments.physics:
        return physics_trial(family, reference, seed)
    return handled_trial(family, reference, seed, ideal=arguments.ideal)


def _report(console: Console, title: str, names: Sequence[str], trials: Sequence[Trial]) -> bool:
    refused = [trial for trial in trials if trial.refused]
    if refused:
        rightly = sum(trial.crossing for trial in refused)
        crossing = sum(trial.crossing for trial in trials)
        console.print(
            f"{title}: {len(refused)} arms refused, {rightly} of them among the {crossing} that cross the seam"
        )
    done = [trial.errors_ticks for trial in trials if trial.errors_ticks is not None]
    if not done:
        return False
    console.print(error_table(title, names, trials))
    return bool(np.mean(np.abs(done) <= 0.5) >= 0.95)


if __name__ == "__main__":
    sys.exit(main())
