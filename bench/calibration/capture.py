"""How well a capture covers the workspace, and how long it takes: `python -m bench.calibration.capture [--frames N] [--seeds N]`.

The whole program runs on the simulated robot, pictures and all. Its samples are then compared with as many, taken evenly in time
from the same walk. Distances are of the joints, each joint's range being 1: of the two nearest samples; the share of samples that
have another one within 0.02, the same pose twice; and from poses anywhere (clear of the table, the fingers under the ceiling) to
the nearest sample, which is the walk's merit.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.workplace.simulated_workplace import SimulatedWorkplace
from calibration.capture import program
from calibration.capture.balance import Array, Balance
from calibration.capture.room import Room
from calibration.geometry.chain import chain_of
from drivers.arm import Arm
from interfaces.arm_config import AnyArmConfig
from interfaces.capture_file import read_capture
from interfaces.messages import JointState, JointVector
from interfaces.robot_config import load_robot
from sim.truth import Truth

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"
SIZE_PX = (64, 48)  # what is measured here is where, not what
N_ANYWHERE = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One capture."""

    status: int
    duration_s: float  # of the robot's time
    samples: Array  # (sample, joint), ranges as 0..1
    in_time: Array  # as many, evenly in time
    sample_mb: float


class WatchedArm:
    """An arm, and every pose that it measured."""

    def __init__(self, arm: Arm, poses_rad: list[JointVector]) -> None:
        self._arm, self._poses_rad = arm, poses_rad

    def __getattr__(self, name: str) -> Any:
        """Return what the arm has."""
        return getattr(self._arm, name)

    def exchange(self, position_rad: JointVector) -> JointState:
        """Do it, and remember what was measured."""
        joints = self._arm.exchange(position_rad)
        self._poses_rad.append(joints.position_rad)
        return joints


def capture(n_frames: int, seed: int) -> Outcome:
    """Run the program once."""
    robot = load_robot(ROBOT_FILE)
    with tempfile.TemporaryDirectory() as folder:
        truth = Truth(width_px=SIZE_PX[0], height_px=SIZE_PX[1])
        place = SimulatedWorkplace(robot, truth, folder=Path(folder), seed=seed)
        poses_rad: list[JointVector] = []

        def make_arm(config: AnyArmConfig) -> Arm:
            watched: Any = WatchedArm(place.workplace.make_arm(config), poses_rad)
            return watched

        t_begin_ns = place.clock.now_ns()
        parser = argparse.ArgumentParser()
        program.add_arguments(parser)
        arguments = parser.parse_args(["--frames", str(n_frames), "--seed", str(seed)])
        status = program.run(replace(place.workplace, make_arm=make_arm), arguments)
        found = read_capture(place.workplace.records / "capture")
        n_bytes = sum(path.stat().st_size for path in found.folder.rglob("*"))
    scaled = Balance(robot.arm, 1).scaled
    in_time = np.array(poses_rad)[np.linspace(0, len(poses_rad) - 1, len(found)).astype(int)]
    return Outcome(
        status=status,
        duration_s=(place.clock.now_ns() - t_begin_ns) * 1e-9,
        samples=scaled(found.position_rad),
        in_time=scaled(in_time),
        sample_mb=n_bytes / len(found) * 1e-6,
    )


def anywhere() -> Array:
    """Return poses (pose, joint), ranges as 0..1, all over where the arm may work."""
    robot = load_robot(ROBOT_FILE)
    room = Room(
        chain=chain_of(robot),
        table_z_m=0.0,
        clearance_m=program.DEFAULT_CLEARANCE_M,
        cameras_m=np.empty((0, 3)),
    )
    low, high = robot.arm.vector("position_min_rad"), robot.arm.vector("position_max_rad")
    poses = np.random.default_rng(99).uniform(low, high, (N_ANYWHERE, len(low)))
    clear = (room.margin_m(poses) > 0.0) & room.is_low(poses)
    return (poses[clear] - low) / (high - low)


def distances(places: Array, kept: Array) -> Array:
    """Return how far each place (place, joint) is from the nearest kept pose (pose, joint)."""
    return np.array([np.sqrt(((kept - place) ** 2).sum(axis=1).min()) for place in places])


def nearest_pairs(kept: Array) -> Array:
    """Return how far each kept pose is from the next one."""
    return np.array([
        np.sqrt(((np.delete(kept, i, axis=0) - pose) ** 2).sum(axis=1).min()) for i, pose in enumerate(kept)
    ])  # fmt: skip


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=program.DEFAULT_FRAMES)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    table = Table(title=f"{arguments.frames} samples wanted")
    for column in (
        "seed",
        "status",
        "minutes",
        "kB a sample",
        "which",
        "least covered joint",
        "nearest two",
        "twice",
        "hole: mean",
        "largest",
    ):
        table.add_column(column)
    places = anywhere()
    for seed in range(arguments.seeds):
        outcome = capture(arguments.frames, seed)
        for which, kept in (("kept", outcome.samples), ("evenly in time", outcome.in_time)):
            holes, pairs = distances(places, kept), nearest_pairs(kept)
            bins = [len(np.unique(np.clip(column * 10, 0, 9).astype(int))) / 10 for column in kept.T]
            table.add_row(
                str(seed),
                str(outcome.status),
                f"{outcome.duration_s / 60:.1f}",
                f"{1e3 * outcome.sample_mb:.1f}",
                f"{len(kept)} {which}",
                f"{min(bins):.0%}",
                f"{pairs.min():.3f}",
                f"{(pairs < 0.02).mean():.0%}",
                f"{holes.mean():.3f}",
                f"{holes.max():.3f}",
            )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
