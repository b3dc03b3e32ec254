"""What the doctor says of a robot's calibration records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bench.doctor.check import Check, Verdict
from bench.doctor.examination import Plan, examine_machine
from bench.doctor.record_checks import record_checks
from bench.doctor.trial_robot import trial_robot
from bench.record_rig import BAD, NOW, SIMULATED_ROBOT, RecordRig
from interfaces.calibration.homes import homes
from interfaces.robot_config import load_robot


@pytest.fixture
def rig(tmp_path: Path) -> RecordRig:
    """A robot that requires its joints record."""
    return RecordRig(tmp_path)


def checks(rig: RecordRig, later_days: float = 0.0) -> list[Check]:
    return record_checks(rig.robot_file, rig.robot, NOW + timedelta(days=later_days))


def test_a_robot_without_the_table_has_no_such_checks() -> None:
    assert record_checks(SIMULATED_ROBOT, load_robot(SIMULATED_ROBOT), NOW) == []


def test_what_is_required_and_missing_is_bad_with_the_command_as_remedy(rig: RecordRig) -> None:
    (check,) = checks(rig)
    assert (check.name, check.verdict) == ("calibration: joints", Verdict.BAD)
    assert check.value.endswith("joints.toml: the record is missing")
    assert check.remedy == f"forerun calibrate joints {rig.robot_file}"


def test_what_is_good_says_for_how_long(rig: RecordRig) -> None:
    rig.save(rig.joints())
    (check,) = checks(rig)
    assert (check.value, check.verdict) == ("made 2026-11-20, good for 88 more days", Verdict.GOOD)
    (soon,) = checks(rig, later_days=80)
    assert (soon.value, soon.verdict) == ("made 2026-11-20, good for 8 more days", Verdict.WEAK)
    (late,) = checks(rig, later_days=90)
    assert (late.verdict, "limit 90 days" in late.value) == (Verdict.BAD, True)


def test_what_is_optional_and_not_good_is_weak(rig: RecordRig) -> None:
    rig.save(rig.joints(), replace(rig.hand_eye(), header=rig.header("front", check=BAD)))
    by_name = {check.name: check for check in checks(rig)}
    assert set(by_name) == {"calibration: joints", "calibration: hand-eye front"}
    assert by_name["calibration: hand-eye front"].verdict is Verdict.WEAK
    assert by_name["calibration: hand-eye front"].remedy.endswith("--camera front")


def test_a_camera_that_cannot_name_a_file_is_bad(rig: RecordRig) -> None:
    rig.write(replace(rig.robot, cameras=(replace(rig.robot.cameras[0], name="a b"),)))
    (check,) = checks(rig)
    assert check.verdict is Verdict.BAD


def test_they_are_part_of_the_examination(rig: RecordRig) -> None:
    assert "calibration: joints" in [
        check.name for check in examine_machine(Plan(robot_file=rig.robot_file, only=("robot",))).checks
    ]


def test_a_trial_on_the_robot_has_its_zeros_and_asks_for_no_records(rig: RecordRig, tmp_path: Path) -> None:
    rig.save(rig.joints())
    (tmp_path / "trial").mkdir()
    trial = load_robot(trial_robot(rig.robot_file, tmp_path / "trial", on_robot=True))
    assert trial.calibration is None
    assert homes(trial.arm) == (2058.0,) * 6
