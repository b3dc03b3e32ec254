"""What is wrong with a record, found before anything is opened, and what the refusal says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.record_rig import BAD, NOW, RecordRig
from interfaces.calibration.any_record import AnyRecord
from interfaces.calibration.joints import JointsRecord
from interfaces.calibration.record import CameraIdentity
from interfaces.calibration_config import RECORD_KINDS
from interfaces.errors import CalibrationError
from runtime.calibrated_robot import CalibratedRobot, load_calibrated


@pytest.fixture
def rig(tmp_path: Path) -> RecordRig:
    """A robot that requires its joints record, and has it."""
    rig = RecordRig(tmp_path)
    rig.save(rig.joints())
    return rig


def load(rig: RecordRig, now: datetime = NOW) -> CalibratedRobot:
    return load_calibrated(rig.robot_file, now=now)


def refusal(rig: RecordRig, now: datetime = NOW) -> str:
    with pytest.raises(CalibrationError) as caught:
        load_calibrated(rig.robot_file, now=now)
    return str(caught.value)


def test_a_missing_record_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    rig = RecordRig(tmp_path)
    assert refusal(rig) == (
        f"{tmp_path}/records/simulated/joints.toml: the record is missing; make a new one: forerun calibrate joints {rig.robot_file}"
    )


@pytest.mark.parametrize("kind", RECORD_KINDS)
def test_every_kind_is_refused_where_it_is_required_and_missing(tmp_path: Path, kind: str) -> None:
    rig = RecordRig(tmp_path, require=RECORD_KINDS)
    rig.save(*(record for record in rig.all_records() if record.kind != kind))
    camera = "" if kind in {"joints", "servo"} else " --camera front"
    said = refusal(rig)
    assert "is missing" in said
    assert said.endswith(f"forerun calibrate {kind.replace('_', '-')} {rig.robot_file}{camera}")


def failed(rig: RecordRig) -> JointsRecord:
    return replace(rig.joints(), header=rig.header(check=BAD))


def of_another_robot(rig: RecordRig) -> JointsRecord:
    return replace(rig.joints(), header=replace(rig.header(), robot="yours"))


def of_another_driver(rig: RecordRig) -> JointsRecord:
    return replace(rig.joints(), arm=replace(rig.arm(), driver="damiao"))


def of_other_motors(rig: RecordRig) -> JointsRecord:
    return replace(rig.joints(), arm=replace(rig.arm(), motors=rig.arm().motors[::-1]))


def of_fewer_joints(rig: RecordRig) -> JointsRecord:
    return replace(rig.joints(), joints=rig.joints().joints[:5])


def turning_the_other_way(rig: RecordRig) -> JointsRecord:
    first, *others = rig.joints().joints
    return replace(rig.joints(), joints=(replace(first, direction=-1), *others))


def at_home_nowhere(rig: RecordRig) -> JointsRecord:
    first, *others = rig.joints().joints
    return replace(rig.joints(), joints=(replace(first, home=float("inf")), *others))


def without_a_date(rig: RecordRig) -> JointsRecord:
    return replace(rig.joints(), header=rig.header(created="yesterday"))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (failed, "failed: worst joint is 1.5 deg, limit 1"),
        (of_another_robot, "of robot 'yours', this is 'simulated'"),
        (of_another_driver, "driver damiao, this one has feetech"),
        (of_other_motors, "its motors are gripper 6, wrist_roll 5"),
        (of_fewer_joints, "its joints are shoulder_pan"),
        (turning_the_other_way, "joint shoulder_pan turns in direction -1, the robot file says 1"),
        (at_home_nowhere, "home is no finite number"),
        (without_a_date, "header.created is 'yesterday'"),
    ],
)
def test_a_record_that_is_not_this_robots_or_not_good_is_refused(
    tmp_path: Path, make: Callable[[RecordRig], JointsRecord], says: str
) -> None:
    rig = RecordRig(tmp_path)
    rig.save(make(rig))
    said = refusal(rig)
    assert says in said
    assert said.endswith(f"make a new one: forerun calibrate joints {rig.robot_file}")


def test_a_record_expires_on_the_day_the_robot_file_says(rig: RecordRig) -> None:
    made = datetime.fromisoformat("2026-11-20T10:00:00+00:00")
    load(rig, made + timedelta(days=90))
    assert "90 days ago, limit 90 days" in refusal(rig, made + timedelta(days=90, seconds=1))


def test_a_computer_whose_clock_is_in_the_past_is_told_to_set_it(rig: RecordRig) -> None:
    made = datetime.fromisoformat("2026-11-20T10:00:00+00:00")
    load(rig, made - timedelta(hours=23))
    assert "in the future of this computer's clock (2026-11-18): set it" in refusal(rig, made - timedelta(days=2))


def test_a_damaged_record_is_refused(rig: RecordRig) -> None:
    path = rig.store.path("joints")
    path.write_bytes(path.read_bytes().replace(b"2058", b"2059"))
    assert "changed after it was made" in refusal(rig)


def other_camera(rig: RecordRig) -> AnyRecord:
    return replace(rig.camera(), camera=CameraIdentity(model="D435", serial="other"))


def other_stream(rig: RecordRig) -> AnyRecord:
    return replace(rig.camera(), intrinsics=replace(rig.intrinsics(), width_px=640, height_px=480))


@pytest.mark.parametrize(
    ("make", "says"),
    [(other_camera, "serial number other, the robot file asks for 0042"), (other_stream, "pictures of 640x480 px")],
)
def test_a_record_of_another_camera_or_stream_is_refused_where_it_is_required(
    tmp_path: Path, make: Callable[[RecordRig], AnyRecord], says: str
) -> None:
    rig = RecordRig(tmp_path, require=("camera",))
    realsense = replace(rig.robot.cameras[0], driver="realsense", serial="0042")
    rig.write(replace(rig.robot, cameras=(realsense,)))
    rig.save(rig.camera())
    load(rig)
    rig.save(make(rig))
    assert says in refusal(rig)


def hand_eye_of_other_motors(rig: RecordRig) -> AnyRecord:
    return replace(rig.hand_eye(), arm=replace(rig.arm(), motors=rig.arm().motors[::-1]))


def hand_eye_of_another_driver(rig: RecordRig) -> AnyRecord:
    return replace(rig.hand_eye(), arm=replace(rig.arm(), driver="damiao"))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (hand_eye_of_other_motors, "its motors are gripper 6"),
        (hand_eye_of_another_driver, "driver damiao, this one has"),
    ],
)
def test_where_a_camera_stands_as_another_arm_sees_it_is_refused_where_it_is_required(
    tmp_path: Path, make: Callable[[RecordRig], AnyRecord], says: str
) -> None:
    rig = RecordRig(tmp_path, require=("hand_eye",))
    rig.save(rig.hand_eye())
    load(rig)
    rig.save(make(rig))
    assert says in refusal(rig)


def test_a_delay_that_cannot_be_is_refused(tmp_path: Path) -> None:
    rig = RecordRig(tmp_path, require=("latency",))
    rig.save(rig.latency(-3.0))
    assert "command_to_motion_ms is -3, expected 0 to 1000" in refusal(rig)


@pytest.mark.parametrize("how", ["require", "check"])
def test_a_camera_beside_the_arm_needs_its_view_and_one_on_the_hand_has_none(tmp_path: Path, how: str) -> None:
    rig = RecordRig(tmp_path, require=("view",)) if how == "require" else RecordRig(tmp_path, require=(), view="check")
    rig.save(rig.hand_eye())
    assert "view-front.toml: the record is missing" in refusal(rig)
    rig.save(replace(rig.hand_eye(), mounting="eye_in_hand"))
    assert set(load(rig).records) == {("hand_eye", "front")}


def test_a_view_whose_landmarks_are_gone_is_damaged(tmp_path: Path) -> None:
    rig = RecordRig(tmp_path, require=("view",))
    rig.save(rig.view())
    load(rig)
    next(rig.folder.glob("view-front@*.npz")).unlink()
    assert "which belongs to it, cannot be read" in refusal(rig)


def test_a_camera_whose_name_can_name_no_file_is_refused(tmp_path: Path) -> None:
    rig = RecordRig(tmp_path)
    rig.write(replace(rig.robot, cameras=(replace(rig.robot.cameras[0], name="../front"),)))
    assert "letters, digits" in refusal(rig)


def test_a_record_that_may_not_be_looked_at_is_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = RecordRig(tmp_path, require=())
    rig.save(rig.joints())

    looks: dict[str, Callable[..., Any]] = {name: getattr(Path, name) for name in ("lstat", "open")}

    def denying(name: str) -> Callable[..., Any]:
        def look(path: Path, *arguments: Any, **named: Any) -> Any:
            if path.parent == rig.folder:
                raise PermissionError(13, "Permission denied", str(path))
            return looks[name](path, *arguments, **named)

        return look

    for name in looks:
        monkeypatch.setattr(Path, name, denying(name))
    assert "cannot be read: Permission denied" in refusal(rig)


def test_a_robot_whose_name_can_name_no_folder_is_refused(rig: RecordRig) -> None:
    rig.write(replace(rig.robot, name="my arm"))
    assert "robot 'my arm': its calibration records are named after it" in refusal(rig)
