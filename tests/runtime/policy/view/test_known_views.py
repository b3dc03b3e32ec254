"""Which cameras are guarded, and by what: the view records of the robot."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from interfaces.calibration.any_record import AnyRecord
from interfaces.calibration.camera import HandEyeRecord, ViewRecord
from interfaces.calibration.record import FORMAT, ArmIdentity, CameraIdentity, Check, Pose, RecordHeader
from interfaces.calibration_config import CalibrationConfig, RecordKind
from interfaces.errors import CalibrationError
from interfaces.robot_config import RobotConfig
from runtime.calibrated_robot import CalibratedRobot
from runtime.policy.view.known_views import depth_is_aligned, view_guards
from runtime.policy.view.landmarks import to_bytes

HEADER = RecordHeader(
    robot="simulated", subject="front", created="2026-11-21T15:04:05Z", operator="me", tool_version="0",
    checks=(Check(name="c", value=0.0, limit=1.0, unit=""),),
)  # fmt: skip
CAMERA = CameraIdentity(model="", serial="")
STILL = Pose(translation_m=(0.0, 0.0, 0.0), rotation_wxyz=(1.0, 0.0, 0.0, 0.0))


def calibrated(
    robot: RobotConfig, folder: Path, view: Literal["off", "check", "correct"], *records: AnyRecord
) -> CalibratedRobot:
    """Return the robot with these records."""
    config = CalibrationConfig(folder=".", require=(), max_age_days=30.0, offsets="record", view=view)
    by_kind: dict[tuple[RecordKind, str], AnyRecord] = {(record.kind, "front"): record for record in records}
    return CalibratedRobot(
        robot=replace(robot, calibration=config),
        robot_file=folder / "robot.toml",
        folder=folder,
        records=by_kind,
        warnings=(),
    )


@pytest.fixture
def record(textured: Any, tmp_path: Path) -> ViewRecord:
    """A view record, and its landmarks beside it."""
    (tmp_path / "view.npz").write_bytes(to_bytes(textured.landmarks()))
    return ViewRecord(
        kind="view", format=FORMAT, header=HEADER, camera=CAMERA, intrinsics=textured.pinhole.intrinsics,
        landmarks_file="view.npz", landmarks_sha256="", table_normal=(0.0, 0.0, -1.0), table_distance_m=0.5,
    )  # fmt: skip


def test_a_camera_with_a_record_is_guarded(robot: RobotConfig, tmp_path: Path, record: ViewRecord) -> None:
    assert list(view_guards(calibrated(robot, tmp_path, "check", record), robot.cameras)) == ["front"]
    assert view_guards(calibrated(robot, tmp_path, "off", record), robot.cameras) == {}
    assert view_guards(replace(calibrated(robot, tmp_path, "off"), robot=robot), robot.cameras) == {}


def test_a_camera_without_a_record_is_refused(robot: RobotConfig, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"no good record.*forerun calibrate view .*robot\.toml --camera front"):
        view_guards(calibrated(robot, tmp_path, "correct"), robot.cameras)


@pytest.mark.parametrize("spoilt", [b"no landmarks", None])
def test_landmarks_that_are_gone_or_spoilt_are_refused(
    robot: RobotConfig, tmp_path: Path, record: ViewRecord, spoilt: bytes | None
) -> None:
    file = tmp_path / record.landmarks_file
    file.unlink() if spoilt is None else file.write_bytes(spoilt)
    with pytest.raises(CalibrationError, match=r"view\.npz.*make a new one"):
        view_guards(calibrated(robot, tmp_path, "check", record), robot.cameras)


def test_a_camera_on_the_hand_has_no_view_to_keep(robot: RobotConfig, tmp_path: Path) -> None:
    on_hand = HandEyeRecord(
        kind="hand_eye", format=FORMAT, header=HEADER, arm=ArmIdentity(driver="virtual", motors=()), camera=CAMERA,
        mounting="eye_in_hand", parent_from_camera=STILL, other_from_board=STILL, joint_offset_rad=(0.0,) * 6, n_poses=20,
    )  # fmt: skip
    assert view_guards(calibrated(robot, tmp_path, "check", on_hand), robot.cameras) == {}


def test_depth_counts_only_where_it_lies_on_the_colours(robot: RobotConfig) -> None:
    camera = robot.cameras[0]
    assert depth_is_aligned(camera)
    assert not depth_is_aligned(replace(camera, depth=False))
    assert not depth_is_aligned(replace(camera, driver="realsense"))
    assert depth_is_aligned(replace(camera, driver="realsense", align_depth=True))
