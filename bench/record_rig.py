"""Calibration records of every kind, and a robot file that has them, for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from calibration.records.store import RecordStore
from interfaces.calibration.any_record import AnyRecord
from interfaces.calibration.camera import CameraRecord, HandEyeRecord, ViewRecord
from interfaces.calibration.homes import homes, motor_ids
from interfaces.calibration.joints import JointCalibration, JointsRecord
from interfaces.calibration.motion import LatencyRecord, ServoJoint, ServoRecord
from interfaces.calibration.record import FORMAT, ArmIdentity, CameraIdentity, Check, Pose, RecordHeader
from interfaces.calibration_config import CalibrationConfig, RecordKind
from interfaces.device_facts import CameraIntrinsics, MotorIdentity
from interfaces.robot_config import RobotConfig, load_robot
from interfaces.toml_writer import to_toml

SIMULATED_ROBOT = Path(__file__).parents[1] / "robots/simulated.toml"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)
GOOD = Check(name="worst joint", value=0.2, limit=1.0, unit="deg")
BAD = Check(name="worst joint", value=1.5, limit=1.0, unit="deg")
LANDMARKS = b"landmarks of a view"
CAMERA = CameraIdentity(model="D435", serial="0042")


class RecordRig:
    """A robot file in a folder of its own, and its records; the simulated robot, but for [calibration]."""

    def __init__(self, folder: Path, require: tuple[RecordKind, ...] = ("joints",), **calibration: Any) -> None:
        """Write the robot file; `calibration` are other values of its table."""
        self.robot_file = folder / "mine.toml"
        table = CalibrationConfig(folder="records", require=require, max_age_days=90.0, offsets="record", view="off")
        self.write(replace(load_robot(SIMULATED_ROBOT), calibration=replace(table, **calibration)))

    @property
    def folder(self) -> Path:
        """Return the folder of its records."""
        return self.robot_file.parent / "records" / self.robot.name

    @property
    def store(self) -> RecordStore:
        """Return its records."""
        return RecordStore(self.folder, self.robot_file)

    def write(self, robot: RobotConfig) -> None:
        """Make this the robot."""
        self.robot = robot
        self.robot_file.write_text(to_toml(robot))

    def save(self, *records: AnyRecord) -> None:
        """Save records, a view with its landmarks."""
        for record in records:
            files = {record.landmarks_file: LANDMARKS} if isinstance(record, ViewRecord) else {}
            self.store.save(record, files)

    def all_records(self) -> list[AnyRecord]:
        """Return a good record of every kind."""
        return [self.joints(), self.servo(), self.camera(), self.hand_eye(), self.view(), self.latency()]

    def header(self, subject: str = "", check: Check = GOOD, created: str = "2026-11-20T10:00:00Z") -> RecordHeader:
        """Return the header of a record."""
        return RecordHeader(
            robot=self.robot.name, subject=subject, created=created, operator="Ann", tool_version="0", checks=(check,)
        )

    def arm(self, homing_offset: int = 0) -> ArmIdentity:
        """Return the identity of the arm."""
        ids = zip(self.robot.arm.joint_names, motor_ids(self.robot.arm), strict=True)
        motors = tuple(
            MotorIdentity(joint=joint, motor_id=motor_id, model="STS3215", firmware="3.9", homing_offset=homing_offset)
            for joint, motor_id in ids
        )
        return ArmIdentity(driver=self.robot.arm.driver, motors=motors)

    def joints(self, shift: float = 10.0) -> JointsRecord:
        """Return a joints record with homes that differ from the robot file's."""
        joints = tuple(
            JointCalibration(name=joint.name, home=home + shift, direction=1, range_min_rad=-1.5, range_max_rad=1.6)
            for joint, home in zip(self.robot.arm.joints, homes(self.robot.arm), strict=True)
        )
        return JointsRecord(
            kind="joints",
            format=FORMAT,
            header=self.header(),
            arm=self.arm(),
            offsets="record",
            reference="stops",
            joints=joints,
        )

    def servo(self) -> ServoRecord:
        """Return a servo record."""
        joints = tuple(
            ServoJoint(
                name=name,
                friction_ratio=0.1,
                backlash_rad=0.01,
                following_error_rad=0.02,
                speed_tried_rad_s=1.0,
                velocity_suggested_rad_s=3.0,
                acceleration_suggested_rad_s2=30.0,
            )
            for name in self.robot.arm.joint_names
        )
        return ServoRecord(kind="servo", format=FORMAT, header=self.header(), arm=self.arm(), joints=joints)

    def intrinsics(self) -> CameraIntrinsics:
        """Return a lens for the stream of the robot file."""
        width, height = self.robot.cameras[0].width_px, self.robot.cameras[0].height_px
        return CameraIntrinsics(
            width_px=width, height_px=height, focal_x_px=300.0, focal_y_px=300.0, centre_x_px=212.0, centre_y_px=120.0
        )

    def camera(self) -> CameraRecord:
        """Return a camera record."""
        return CameraRecord(
            kind="camera",
            format=FORMAT,
            header=self.header("front"),
            camera=CAMERA,
            source="factory",
            intrinsics=self.intrinsics(),
        )

    def hand_eye(self) -> HandEyeRecord:
        """Return a hand-eye record."""
        pose = Pose(translation_m=(0.1, 0.2, 0.3), rotation_wxyz=(1.0, 0.0, 0.0, 0.0))
        return HandEyeRecord(
            kind="hand_eye",
            format=FORMAT,
            header=self.header("front"),
            arm=self.arm(),
            camera=CAMERA,
            mounting="eye_to_hand",
            parent_from_camera=pose,
            other_from_board=pose,
            joint_offset_rad=(0.0,) * 6,
            n_poses=20,
        )

    def view(self) -> ViewRecord:
        """Return a view record; its landmarks are to be saved with it."""
        return ViewRecord(
            kind="view",
            format=FORMAT,
            header=self.header("front"),
            camera=CAMERA,
            intrinsics=self.intrinsics(),
            landmarks_file="landmarks.npz",
            landmarks_sha256="",
            table_normal=(0.0, 0.0, -1.0),
            table_distance_m=0.6,
        )

    def latency(self, command_to_motion_ms: float = 42.0) -> LatencyRecord:
        """Return a latency record."""
        return LatencyRecord(
            kind="latency",
            format=FORMAT,
            header=self.header("front"),
            arm=self.arm(),
            camera=CAMERA,
            joint="shoulder_pan",
            command_to_motion_ms=command_to_motion_ms,
            motion_to_frame_ms=12.0,
        )
