"""A robot file with its records: what is applied, what is refused, and what the refusal says."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from bench.record_rig import BAD, NOW, SIMULATED_ROBOT, RecordRig
from interfaces.calibration.homes import homes
from interfaces.calibration_config import RECORD_KINDS
from interfaces.errors import CalibrationError
from interfaces.robot_config import load_robot
from runtime.calibrated_robot import CalibratedRobot, load_calibrated, load_for_calibration, load_zeros


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


def test_a_robot_file_without_the_table_is_taken_as_it_is() -> None:
    calibrated = load_calibrated(SIMULATED_ROBOT, now=NOW)
    assert calibrated.robot == load_robot(SIMULATED_ROBOT)
    assert (calibrated.records, calibrated.warnings, calibrated.folder) == ({}, (), None)


def test_the_homes_of_the_record_replace_those_of_the_robot_file(rig: RecordRig) -> None:
    calibrated = load(rig)
    assert homes(calibrated.robot.arm) == (2058.0,) * 6
    assert replace(calibrated.robot, arm=rig.robot.arm) == rig.robot
    assert set(calibrated.records) == {("joints", "")}


def test_a_robot_with_every_record_required_is_loaded_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = RecordRig(tmp_path, require=RECORD_KINDS)
    rig.save(*rig.all_records())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    calibrated = load_calibrated(Path("../mine.toml"), now=NOW)
    assert len(calibrated.records) == 6
    assert calibrated.folder is not None
    assert calibrated.folder.resolve() == rig.folder


def test_the_delay_measured_is_the_policys(rig: RecordRig) -> None:
    rig.save(rig.latency(42.0))
    calibrated = load(rig)
    assert calibrated.robot.policy.actuation_latency_ms == 42.0


def test_what_a_camera_stamps_too_late_is_taken_off(rig: RecordRig) -> None:
    rig.save(rig.latency())
    calibrated = load(rig)
    assert [camera.stamp_offset_ms for camera in calibrated.robot.cameras] == [12.0]
    assert not calibrated.warnings


def test_of_two_delays_the_newest_counts(tmp_path: Path) -> None:
    rig = RecordRig(tmp_path, require=())
    rig.write(replace(rig.robot, cameras=(*rig.robot.cameras, replace(rig.robot.cameras[0], name="side"))))
    rig.save(rig.latency(42.0))
    old = rig.header("side", created="2026-11-10T10:00:00Z")
    rig.save(replace(rig.latency(99.0), header=old))
    assert load(rig).robot.policy.actuation_latency_ms == 42.0


def test_what_is_optional_and_not_good_is_left_out_with_a_warning(rig: RecordRig) -> None:
    rig.save(replace(rig.latency(), header=rig.header("front", check=BAD)))
    calibrated = load(rig)
    assert calibrated.robot.policy == rig.robot.policy
    assert ("latency", "front") not in calibrated.records
    assert "not used" in calibrated.warned_of(["latency"])[0]
    assert not calibrated.warned_of(["camera"])


def test_a_joints_record_that_is_not_good_is_refused_even_where_it_is_optional(tmp_path: Path) -> None:
    rig = RecordRig(tmp_path, require=())
    assert load(rig).robot == rig.robot
    rig.save(replace(rig.joints(), header=rig.header(check=BAD)))
    assert "failed" in refusal(rig)


def test_a_hand_eye_older_than_the_joints_is_used_with_a_warning(rig: RecordRig) -> None:
    rig.save(replace(rig.hand_eye(), header=rig.header("front", created="2026-11-19T10:00:00Z")))
    calibrated = load(rig)
    assert ("hand_eye", "front") in calibrated.records
    assert "made before the joints" in calibrated.warned_of(["hand_eye"])[0]


def test_an_arm_that_is_to_move_needs_its_zeros(rig: RecordRig) -> None:
    calibrated = load_zeros(rig.robot_file, now=NOW, needed=True)
    assert homes(calibrated.robot.arm) == (2058.0,) * 6
    assert set(calibrated.records) == {("joints", "")}
    rig.store.path("joints").unlink()
    with pytest.raises(CalibrationError, match="is missing"):
        load_zeros(rig.robot_file, now=NOW, needed=True)
    lenient = load_zeros(rig.robot_file, now=NOW, needed=False)
    assert (lenient.robot, lenient.records) == (rig.robot, {})


def test_two_robots_whose_files_lie_beside_each_other_have_records_of_their_own(rig: RecordRig, tmp_path: Path) -> None:
    other = RecordRig(tmp_path)
    other.robot_file = tmp_path / "other.toml"
    other.write(replace(rig.robot, name="other"))
    assert "other/joints.toml: the record is missing" in refusal(other)
    other.save(other.joints(shift=-1.0))
    assert homes(load(other).robot.arm) == (2047.0,) * 6
    assert homes(load(rig).robot.arm) == (2058.0,) * 6


def test_a_robot_to_be_calibrated_has_its_zeros_and_the_delays_of_its_file(rig: RecordRig) -> None:
    rig.save(rig.latency())
    robot = load_for_calibration(rig.robot_file, now=NOW)
    assert homes(robot.arm) == (2058.0,) * 6
    assert robot.policy == rig.robot.policy
    path = rig.store.path("joints")
    path.write_bytes(b"damaged")
    assert load_for_calibration(rig.robot_file, now=NOW) == rig.robot
