"""Each calibration record of a robot, judged: is it there, whole, of this robot, good enough, and young enough?

    good       may be acted on
    missing    there is none
    damaged    cut short, changed by hand, of another format, or without a file that belongs to it
    foreign    of another robot, arm, camera or stream than the robot file says
    failed     measured, and worse than its own limits
    expired    older than `max_age_days`, or dated in the future, which means that this computer's clock is wrong

Which motors and which camera really hang on the robot is asked later, when they are open: known_arm.py, known_camera.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

from interfaces.calibration.any_record import AnyRecord
from interfaces.calibration.camera import CameraRecord, HandEyeRecord, ViewRecord
from interfaces.calibration.homes import motor_ids
from interfaces.calibration.joints import JointsRecord
from interfaces.calibration.motion import LatencyRecord, ServoRecord
from interfaces.calibration.record import ArmIdentity, CameraIdentity
from interfaces.calibration.record_file import KINDS_OF_CAMERA, RecordPlace, plain_name, read_record
from interfaces.calibration_config import RECORD_KINDS
from interfaces.camera_config import CameraConfig
from interfaces.errors import CalibrationError
from interfaces.robot_config import RobotConfig

RecordState = Literal["good", "missing", "damaged", "foreign", "failed", "expired"]
CREATED = "%Y-%m-%dT%H:%M:%SZ"
FUTURE_MAX = timedelta(days=1)  # clocks of two computers differ, and a laptop's time zone may be wrong
LATENCY_MAX_MS = 1000.0  # no arm and no camera is so late; the runtime would take rows of the far future


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is to be said of one record."""

    place: RecordPlace
    required: bool
    state: RecordState
    why: str  # with the command that mends it; empty where it is good
    record: AnyRecord | None  # None where it is missing or damaged

    @property
    def refused(self) -> bool:
        """Return whether the robot does not move because of it.

        A joints record need not be required for that, only be there: without it the arm would act on other zeros than yesterday.
        """
        needed = self.required or (self.place.kind == "joints" and self.state != "missing")
        return needed and self.state != "good"


def records_folder(robot_file: Path, robot: RobotConfig) -> Path | None:
    """Return the folder of a robot's records, None where its file has no table [calibration].

    It is named after the robot: several may lie beside each other, and share what their files have in common. Raises
    CalibrationError for a robot whose name cannot be the name of a folder.
    """
    if robot.calibration is None:
        return None
    return robot_file.parent / robot.calibration.folder / plain_name(robot.name, "robot")


def examine(robot_file: Path, robot: RobotConfig, now: datetime) -> list[Finding]:
    """Return what is to be said of every record that this robot may have; `now` is in UTC.

    Raises CalibrationError for a robot or a camera whose name cannot be the name of a file.
    """
    findings = [_examine(place, robot, now) for place in record_places(robot_file, robot)]
    on_hand = {each.place.subject for each in findings if each.state == "good" and _is_on_hand(each.record)}
    return [replace(each, required=False) if _needs_no_view(each.place, on_hand) else each for each in findings]


def record_places(robot_file: Path, robot: RobotConfig) -> Iterator[RecordPlace]:
    """Return where each record of a robot belongs: one of each kind, or one for each camera."""
    folder = records_folder(robot_file, robot)
    if folder is None:
        return
    for kind in RECORD_KINDS:
        for subject in [camera.name for camera in robot.cameras] if kind in KINDS_OF_CAMERA else [""]:
            yield RecordPlace(folder=folder, kind=kind, subject=subject, robot_file=robot_file)


def made_at(record: AnyRecord) -> datetime:
    """Return when a record was made; raises ValueError where it does not tell."""
    return datetime.strptime(record.header.created, CREATED).replace(tzinfo=timezone.utc)


def _examine(place: RecordPlace, robot: RobotConfig, now: datetime) -> Finding:
    record = None
    state: RecordState = "missing" if place.is_empty() else "damaged"
    try:
        record = read_record(place)
        state, what = judge(record, robot, now)
        why = str(place.refusal(what)) if what else ""
    except CalibrationError as error:
        why = str(error)
    return Finding(place=place, required=_is_required(place, robot), state=state, why=why, record=record)


def _is_required(place: RecordPlace, robot: RobotConfig) -> bool:
    config = robot.calibration
    if config is None:
        return False
    return place.kind in config.require or (place.kind == "view" and config.view != "off")


def _needs_no_view(place: RecordPlace, on_hand: set[str]) -> bool:
    """Return whether a view is that of a camera on the hand, which sees something else every time."""
    return place.kind == "view" and place.subject in on_hand


def _is_on_hand(record: AnyRecord | None) -> bool:
    return isinstance(record, HandEyeRecord) and record.mounting == "eye_in_hand"


def judge(record: AnyRecord, robot: RobotConfig, now: datetime) -> tuple[RecordState, str]:
    """Return the state of a record that is whole, about a camera of this robot or about none, and what is wrong with it."""
    foreign = _why_foreign(record, robot)
    if foreign:
        return "foreign", foreign
    failed = _why_failed(record)
    if failed:
        return "failed", failed
    try:
        age = now - made_at(record)
    except ValueError:
        return "damaged", f"header.created is {record.header.created!r}, expected an instant as 2026-11-21T15:04:05Z"
    if age < -FUTURE_MAX:
        return (
            "expired",
            f"made {record.header.created}, in the future of this computer's clock ({now:%Y-%m-%d}): set it",
        )
    max_age_days = robot.calibration.max_age_days if robot.calibration else 0.0
    if age / timedelta(days=1) > max_age_days:
        return "expired", f"made {record.header.created}, {age.days} days ago, limit {max_age_days:g} days"
    return "good", ""


def _why_failed(record: AnyRecord) -> str:
    failed = [check for check in record.header.checks if not check.passed]
    if failed:
        worst = "; ".join(f"{check.name} is {check.value:g} {check.unit}, limit {check.limit:g}" for check in failed)
        return f"the calibration failed: {worst}"
    if isinstance(record, JointsRecord) and not all(math.isfinite(joint.home) for joint in record.joints):
        return "a joint's home is no finite number"
    if isinstance(record, LatencyRecord) and not 0 <= record.command_to_motion_ms <= LATENCY_MAX_MS:
        return f"command_to_motion_ms is {record.command_to_motion_ms:g}, expected 0 to {LATENCY_MAX_MS:g}"
    if isinstance(record, LatencyRecord) and not abs(record.motion_to_frame_ms) <= LATENCY_MAX_MS:
        return f"motion_to_frame_ms is {record.motion_to_frame_ms:g}, expected at most {LATENCY_MAX_MS:g}"
    return ""


def _why_foreign(record: AnyRecord, robot: RobotConfig) -> str:
    if record.header.robot != robot.name:
        return f"it is of robot {record.header.robot!r}, this is {robot.name!r}"
    cameras = {camera.name: camera for camera in robot.cameras}
    reasons: list[str] = []
    if isinstance(record, JointsRecord | HandEyeRecord | LatencyRecord | ServoRecord):
        reasons.append(_why_other_arm(record.arm, robot))
    if isinstance(record, JointsRecord):
        reasons.append(_why_other_joints(record, robot))
    if isinstance(record, CameraRecord | HandEyeRecord | ViewRecord | LatencyRecord):
        reasons.append(_why_other_camera(record.camera, cameras[record.header.subject]))
    if isinstance(record, CameraRecord | ViewRecord):
        reasons.append(_why_other_stream(record, cameras[record.header.subject]))
    return next(filter(None, reasons), "")


def _why_other_arm(arm: ArmIdentity, robot: RobotConfig) -> str:
    if arm.driver != robot.arm.driver:
        return f"it is of an arm with driver {arm.driver}, this one has {robot.arm.driver}"
    theirs = [(motor.joint, motor.motor_id) for motor in arm.motors]
    ours = list(zip(robot.arm.joint_names, motor_ids(robot.arm), strict=True))
    return "" if theirs == ours else f"its motors are {_listed(theirs)}, the robot file's {_listed(ours)}"


def _why_other_joints(record: JointsRecord, robot: RobotConfig) -> str:
    names = tuple(joint.name for joint in record.joints)
    if names != robot.arm.joint_names:
        return f"its joints are {', '.join(names)}, the robot file's {', '.join(robot.arm.joint_names)}"
    for measured, told in zip(record.joints, robot.arm.joints, strict=True):
        if measured.direction != told.direction:
            return f"joint {told.name} turns in direction {measured.direction}, the robot file says {told.direction}"
    return ""


def _why_other_camera(camera: CameraIdentity, config: CameraConfig) -> str:
    told = config.serial if config.driver == "realsense" else ""  # a UVC camera's key is its device file
    if told and camera.serial and told != camera.serial:
        return f"it is of the camera with serial number {camera.serial}, the robot file asks for {told}"
    return ""


def _why_other_stream(record: CameraRecord | ViewRecord, config: CameraConfig) -> str:
    measured = (record.intrinsics.width_px, record.intrinsics.height_px)
    if measured != (config.width_px, config.height_px):
        asked = f"{config.width_px}x{config.height_px}"
        return f"it is of pictures of {measured[0]}x{measured[1]} px, the robot file asks for {asked}"
    return ""


def _listed(motors: list[tuple[str, int]]) -> str:
    return ", ".join(f"{joint} {motor_id}" for joint, motor_id in motors)
