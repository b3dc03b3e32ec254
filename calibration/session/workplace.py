"""Everything a calibration program is given; the same on a real robot, in a simulation and in a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from calibration.session.arm_session import ArmSession
from calibration.session.clock import Clock
from calibration.session.person import Operator
from drivers.arm import Arm
from drivers.camera import Camera
from drivers.homing import ServoHoming
from interfaces.arm_config import AnyArmConfig
from interfaces.calibration_config import CalibrationConfig
from interfaces.camera_config import CameraConfig
from interfaces.errors import RefusedError
from interfaces.robot_config import RobotConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """A robot, how to reach its devices, and the person beside it. Each program opens what it needs, and closes it."""

    robot: RobotConfig  # with what earlier records say of it applied
    records: Path  # the folder of its records
    pictures: Path  # the folder for pictures and plots to look at
    operator: Operator
    clock: Clock
    make_arm: Callable[[AnyArmConfig], Arm]  # the arm of the robot file, or the same with other numbers in it
    make_camera: Callable[[CameraConfig], Camera]
    make_homing: Callable[[], ServoHoming | None] = lambda: None  # the servos' own zeros; None where motors keep none
    open_bus: Callable[[], object] | None = (
        None  # for what only one family's programs do with its bus; None: by the port
    )

    def arm_session(self) -> ArmSession:
        """Return the arm, to be entered as a context."""
        session = ArmSession(self.make_arm(self.robot.arm), self.robot.arm, self.clock, self.operator)
        session.lost_cycles_max = self.robot.runtime.bus_error_budget
        return session

    def camera_config(self, name: str | None) -> CameraConfig:
        """Return the camera of that name, or the only one; raises RefusedError where it is not to be told which."""
        cameras = {camera.name: camera for camera in self.robot.cameras}
        if name is None and len(cameras) == 1:
            return self.robot.cameras[0]
        if name not in cameras:
            asked = f"there is no camera {name}" if name else "which camera?"
            raise RefusedError(f"{asked}; robot {self.robot.name} has {', '.join(cameras)}: say --camera NAME")
        return cameras[name]

    @property
    def calibration(self) -> CalibrationConfig:
        """Return the robot file's table about calibration; raises RefusedError where there is none."""
        if self.robot.calibration is None:
            raise RefusedError(f"robot {self.robot.name} has no table [calibration]; docs/calibration.md shows one")
        return self.robot.calibration
