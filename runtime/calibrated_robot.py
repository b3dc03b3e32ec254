"""A robot file, and what was measured of that robot: refused where a record is not as it must be, else put into its values.

    joints      arm.joints: home_ticks (zero_rad, home_turns, home_counts)
    latency     policy.actuation_latency_ms, from the newest such record; and the camera's stamp_offset_ms
    the others  are handed on: the view to the check before the policy acts, the rest to whoever asks

A record that the robot file requires must be good. So must a joints record as soon as there is one: without it the arm would
act on other zeros than yesterday, and nobody would have been told. Any other that is not good is left out, with a warning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from interfaces.calibration.any_record import AnyRecord
from interfaces.calibration.camera import HandEyeRecord
from interfaces.calibration.homes import with_homes
from interfaces.calibration.joints import JointsRecord
from interfaces.calibration.motion import LatencyRecord
from interfaces.calibration.record_file import RecordPlace
from interfaces.calibration_config import RecordKind
from interfaces.camera_config import CameraConfig
from interfaces.errors import CalibrationError
from interfaces.robot_config import RobotConfig, load_robot
from runtime.record_findings import Finding, examine, made_at, records_folder

ARM_KINDS: tuple[RecordKind, ...] = ("joints", "latency", "servo")  # the command process speaks of these
CAMERA_KINDS: tuple[RecordKind, ...] = ("camera", "hand_eye", "view")  # and the policy process of these


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordWarning:
    """What a person should know of a record, though the robot runs."""

    kind: RecordKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedRobot:
    """A robot with its records applied."""

    robot: RobotConfig
    robot_file: Path
    folder: Path | None  # of the records, and of the files beside them; None for a robot that has none
    records: Mapping[tuple[RecordKind, str], AnyRecord]  # the good ones, by kind and subject
    warnings: tuple[RecordWarning, ...]

    def place(self, kind: RecordKind, subject: str = "") -> RecordPlace:
        """Return where a record is, and the command that makes a new one; for a robot that has records."""
        folder = self.folder or self.robot_file.parent
        return RecordPlace(folder=folder, kind=kind, subject=subject, robot_file=self.robot_file)

    def warned_of(self, kinds: Sequence[RecordKind]) -> list[str]:
        """Return the warnings about records of these kinds."""
        return [warning.text for warning in self.warnings if warning.kind in kinds]


def load_calibrated(robot_file: Path, *, now: datetime) -> CalibratedRobot:
    """Return the robot in the file with its records applied; `now` is the time of day in UTC, for their age.

    Raises ConfigError as load_robot; CalibrationError for a record that is not as it must be, naming its file, what is wrong,
    and the command that makes a new one. A robot file without a table [calibration] is taken as it is.
    """
    robot = load_robot(robot_file)
    findings = examine(robot_file, robot, now)
    for finding in findings:
        if finding.refused:
            raise CalibrationError(finding.why)
    records: dict[tuple[RecordKind, str], AnyRecord] = {
        (finding.place.kind, finding.place.subject): finding.record
        for finding in findings
        if finding.state == "good" and finding.record is not None
    }
    return CalibratedRobot(
        robot=_apply(robot, records),
        robot_file=robot_file,
        folder=records_folder(robot_file, robot),
        records=records,
        warnings=(*_left_out(findings), *older_than_joints(findings)),
    )


def load_zeros(robot_file: Path, *, now: datetime, needed: bool) -> CalibratedRobot:
    """Return the robot to be calibrated: with its zeros where their record is good, whatever is wrong with the others.

    Delays are the robot file's own: a latency record says how late things are against those. Where the zeros are `needed`, for the
    arm will move, raises CalibrationError as `load_calibrated`, but for the joints record only.
    """
    robot = load_robot(robot_file)
    joints = next((each for each in examine(robot_file, robot, now) if each.place.kind == "joints"), None)
    if needed and joints is not None and joints.refused:
        raise CalibrationError(joints.why)
    records: dict[tuple[RecordKind, str], AnyRecord] = {}
    if joints is not None and joints.state == "good" and joints.record is not None:
        records["joints", ""] = joints.record
    folder = records_folder(robot_file, robot)
    return CalibratedRobot(
        robot=_apply(robot, records), robot_file=robot_file, folder=folder, records=records, warnings=()
    )


def load_for_calibration(robot_file: Path, *, now: datetime) -> RobotConfig:
    """Return the robot with its zeros where their record is good, and as its file says where it is not."""
    return load_zeros(robot_file, now=now, needed=False).robot


def _apply(robot: RobotConfig, records: Mapping[tuple[RecordKind, str], AnyRecord]) -> RobotConfig:
    joints = records.get(("joints", ""))
    if isinstance(joints, JointsRecord):
        robot = replace(robot, arm=with_homes(robot.arm, [joint.home for joint in joints.joints]))
    latencies = {subject: record for (_, subject), record in records.items() if isinstance(record, LatencyRecord)}
    if not latencies:
        return robot
    newest = max(latencies.values(), key=made_at)
    cameras = tuple(_in_time(camera, latencies.get(camera.name)) for camera in robot.cameras)
    policy = replace(robot.policy, actuation_latency_ms=newest.command_to_motion_ms)
    return replace(robot, policy=policy, cameras=cameras)


def _in_time(camera: CameraConfig, measured: LatencyRecord | None) -> CameraConfig:
    return camera if measured is None else replace(camera, stamp_offset_ms=measured.motion_to_frame_ms)


def _left_out(findings: Sequence[Finding]) -> list[RecordWarning]:
    bad = [finding for finding in findings if finding.state not in {"good", "missing"}]
    return [RecordWarning(kind=finding.place.kind, text=f"not used: {finding.why}") for finding in bad]


def older_than_joints(findings: Sequence[Finding]) -> list[RecordWarning]:
    """Warn of what was measured with joints that were calibrated anew since."""
    joints = next((each.record for each in findings if each.state == "good" and each.place.kind == "joints"), None)
    if joints is None:
        return []
    t_joints = made_at(joints)
    return [
        RecordWarning(
            kind="hand_eye",
            text=f"{finding.place.path}: made before the joints were calibrated anew; check it: {finding.place.command}",
        )
        for finding in findings
        if finding.state == "good" and isinstance(finding.record, HandEyeRecord) and made_at(finding.record) < t_joints
    ]
