"""A simulated robot for calibration programs, as their Workplace: real drivers, real bytes, rendered pictures, a virtual clock.

What is truly so stands in a Truth (sim/truth.py); what the programs find is to be compared with `true_...()`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.workplace.simulated_camera import SimulatedCamera
from bench.workplace.simulated_operator import SimulatedOperator
from bench.workplace.simulated_time import SimulatedTime
from calibration.board.board import BoardSpec, board_picture
from calibration.session.workplace import Workplace
from drivers.open_devices import open_arm
from drivers.open_homing import open_homing
from interfaces.calibration_config import CalibrationConfig
from interfaces.camera_config import CameraConfig
from interfaces.robot_config import RobotConfig
from sim.rigid import inverse
from sim.serial.lockstep import LockstepSerial
from sim.truth import Truth
from sim.world import World

PX_PER_SQUARE = 120  # of the board's picture
REST_RAD = (0.0, -0.75, 0.35, 1.60, 0.0, 0.05)

Array = NDArray[np.float64]


class SimulatedWorkplace:
    """A robot on its table, the operator's hand carrying the limp arm, nothing else on the table."""

    def __init__(
        self, robot: RobotConfig, truth: Truth, *, folder: Path, seed: int = 0, board: BoardSpec | None = None
    ) -> None:
        """`folder` takes records and pictures; `board` is the one in the operator's bag."""
        self.truth = replace(truth, hard_stops=True)
        self.board = board or BoardSpec()
        self.robot = _at_the_workplace(robot, self.truth, folder)
        self.world = World(self.truth)
        self.world.reset("reach", seed)
        self.world.clear_table()
        self.world.hand.guide(np.array(REST_RAD))
        self.clock = SimulatedTime(self.world, self.robot)
        size_px = self.truth.width_px, self.truth.height_px
        self.operator = SimulatedOperator(self.world, self.clock, self.board, size_px, seed)
        picture = board_picture(self.board, PX_PER_SQUARE)

        def make_camera(config: CameraConfig) -> SimulatedCamera:
            return SimulatedCamera(config, self.world, self.clock, picture, seed)

        port = self.clock.port
        self.workplace = Workplace(
            robot=self.robot,
            records=folder / "records",
            pictures=folder / "pictures",
            operator=self.operator,
            clock=self.clock,
            make_arm=lambda arm: open_arm(arm, port.open_port),
            make_camera=make_camera,
            make_homing=lambda: (
                open_homing(self.robot.arm, port.open_port) if isinstance(port, LockstepSerial) else None
            ),
            open_bus=lambda: port,
        )

    def true_joints_rad(self) -> Array:
        """Return the joints (6,) as they truly are now."""
        self.clock.now_ns()
        return self.world.joint_positions_rad

    def true_base_from_hand(self) -> Array:
        """Return the pose (4, 4) of the gripper's body now."""
        return self._seen_now().base_from_hand()

    def true_base_from_camera(self) -> Array:
        """Return the pose (4, 4) of the camera now: x right, y down, z ahead."""
        return self._seen_now().base_from_camera()

    def true_hand_from_camera(self) -> Array:
        """Return the pose (4, 4) of the camera in the gripper body's frame; constant where it is mounted there."""
        return self._seen_now().hand_from_camera()

    def true_base_from_board(self) -> Array:
        """Return the pose (4, 4) of the board now; LookupError where there is none."""
        return self._seen_now().base_from_board()

    def true_hand_from_board(self) -> Array:
        """Return the pose (4, 4) of the board in the gripper body's frame; constant where the hand holds it."""
        seen = self._seen_now()
        return inverse(seen.base_from_hand()) @ seen.base_from_board()

    def _seen_now(self) -> World:
        """Return the world's twin at this instant: after a step, the world's own poses are those before it."""
        self.clock.now_ns()
        return self.world.twin()


def _at_the_workplace(robot: RobotConfig, truth: Truth, folder: Path) -> RobotConfig:
    """Return the robot with the truth's picture size, and a table [calibration] where its file has none."""
    cameras = tuple(
        replace(camera, width_px=truth.width_px, height_px=truth.height_px, depth_width_px=None, depth_height_px=None)
        for camera in robot.cameras
    )
    calibration = robot.calibration or CalibrationConfig(
        folder=str(folder / "records"), require=(), max_age_days=30.0, offsets="record", view="check"
    )
    return replace(robot, cameras=cameras, calibration=calibration)
