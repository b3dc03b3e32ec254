"""Hand-eye trials end to end: the whole program on a simulated workplace, driver bytes and rendered boards included.

An emulated servo tells its angle in 4096 steps, as a real one does, and tells it truly; a real one's magnet is not quite centred,
so that what it tells wanders by a fraction of a degree around the turn: this is added. Where joints are to be exact, as those of
an industrial arm, what the driver reports is replaced by where the joints are. Orders go through the driver and its bytes always.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.calibration.hand_eye_projected import BOARD, JointErrors
from bench.calibration.hand_eye_truth import HandEyeError, HandEyeTruth
from bench.workplace.simulated_workplace import SimulatedWorkplace
from calibration.geometry.chain import chain_of
from calibration.geometry.transforms import from_pose
from calibration.hand_eye import program
from calibration.hand_eye.model import Guess
from calibration.hand_eye.sighting import Mounting
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from drivers.arm import Arm
from interfaces.arm_config import AnyArmConfig
from interfaces.calibration.camera import HandEyeRecord
from interfaces.device_facts import MotorIdentity
from interfaces.messages import JointState, JointVector
from interfaces.robot_config import RobotConfig
from sim.truth import Truth

IMAGE_NOISE = 2.0  # grey levels
BLUR_PX = 0.6
# Poses that the arm works in, for the error of reaching.
WORKSPACE_RAD = ((-0.8, 0.8), (-1.2, 0.3), (-0.5, 1.0), (0.0, 1.5), (-1.5, 1.5), (0.05, 0.05))
N_REACHES = 200


@dataclass(frozen=True, kw_only=True)
class RenderedTrial:
    """One simulated robot, and everything about it that is drawn from the seed."""

    robot: RobotConfig
    mounting: Mounting
    errors: JointErrors
    seed: int
    size_px: tuple[int, int]
    folder: Path

    @cached_property
    def truth(self) -> Truth:
        """Return what the robot file does not know."""
        rng = np.random.default_rng([self.seed, 3])
        offsets = np.radians(self.errors.offset_deg) * rng.normal(size=6)
        return Truth(
            camera_mount="front" if self.mounting == "eye_to_hand" else "wrist",
            width_px=self.size_px[0],
            height_px=self.size_px[1],
            image_noise=IMAGE_NOISE,
            blur_px=BLUR_PX,
            joint_offset_rad=tuple(offsets.tolist()),
            camera_translation_m=tuple((0.01 * rng.normal(size=3)).tolist()),
            camera_rotation_deg=tuple((3.0 * rng.normal(size=3)).tolist()),
        )

    @cached_property
    def workplace(self) -> SimulatedWorkplace:
        """Return the robot and the person beside it."""
        return SimulatedWorkplace(self.robot, self.truth, folder=self.folder, seed=self.seed, board=BOARD)

    def run(self, *options: str) -> int:
        """Run the program, and return its exit status."""
        parser = argparse.ArgumentParser()
        program.add_arguments(parser)
        board = ["--squares", f"{BOARD.squares_x}x{BOARD.squares_y}", "--square-mm", f"{BOARD.square_m * 1e3:g}"]
        arguments = parser.parse_args(["--mounting", self.mounting.replace("_", "-"), *board, *options])
        return program.run(self.as_calibrated(), arguments)

    def error(self) -> HandEyeError:
        """Return how wrong the record is that was written."""
        record = RecordStore(self.workplace.workplace.records).current("hand_eye", "front")
        assert isinstance(record, HandEyeRecord)
        chain = chain_of(self.robot)
        links = list(chain.joint_indices)
        guess = Guess(
            parent_from_camera=from_pose(record.parent_from_camera),
            other_from_board=from_pose(record.other_from_board),
            offset_rad=np.array(record.joint_offset_rad)[links],
        )
        in_base = self.mounting == "eye_to_hand"
        truth = HandEyeTruth(
            chain=chain,
            mounting=self.mounting,
            parent_from_camera=self.workplace.true_base_from_camera()
            if in_base
            else self.workplace.true_hand_from_camera(),
            offset_rad=np.array(self.truth.joint_offset_rad)[links],
        )
        low_rad, high_rad = np.array(WORKSPACE_RAD).T
        workspace_rad = np.random.default_rng(self.seed).uniform(low_rad, high_rad, (N_REACHES, len(low_rad)))
        return truth.error(guess, workspace_rad)

    def as_calibrated(self) -> Workplace:
        """Return the workplace with an arm whose joints report as this trial's do."""
        workplace = self.workplace.workplace
        make_arm = workplace.make_arm
        tell = self._wandering if self.errors.tick_rad else self._exactly

        def make_other(config: AnyArmConfig) -> Arm:
            return ReportsOtherwise(make_arm(config), tell)

        return replace(workplace, make_arm=make_other)

    def _wandering(self, reported_rad: JointVector) -> JointVector:
        """Return what joints report whose magnets are off their axes: once and twice around the turn, spread_deg rms."""
        rng = np.random.default_rng([self.seed, 4])
        phase_rad = rng.uniform(0.0, 2.0 * np.pi, (2, len(reported_rad)))
        waves = np.sin(reported_rad + phase_rad[0]) + np.sin(2.0 * reported_rad + phase_rad[1])
        return reported_rad + np.radians(self.errors.spread_deg) * waves

    def _exactly(self, reported_rad: JointVector) -> JointVector:
        """Return where the joints are, but for the constant offsets."""
        del reported_rad
        return self.workplace.true_joints_rad() - np.array(self.truth.joint_offset_rad)


class ReportsOtherwise:
    """An arm whose joints do not report what its driver says."""

    def __init__(self, arm: Arm, tell: Callable[[JointVector], JointVector]) -> None:
        """Give every reported position (joint,) through `tell`."""
        self._arm, self._tell = arm, tell

    def open(self) -> JointState:
        """Open the arm."""
        return self._told(self._arm.open())

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return the motors."""
        return self._arm.identity()

    def torque(self) -> tuple[bool, ...]:
        """Return which motors drive."""
        return self._arm.torque()

    def hold(self) -> JointState:
        """Hold."""
        return self._told(self._arm.hold())

    def exchange(self, position_rad: JointVector) -> JointState:
        """Send targets."""
        return self._told(self._arm.exchange(position_rad))

    def read(self) -> JointState:
        """Measure."""
        return self._told(self._arm.read())

    def release(self) -> None:
        """Let go."""
        self._arm.release()

    def close(self) -> None:
        """Close."""
        self._arm.close()

    def _told(self, joints: JointState) -> JointState:
        return replace(joints, position_rad=self._tell(joints.position_rad))
