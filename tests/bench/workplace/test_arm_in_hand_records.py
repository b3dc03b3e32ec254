"""From a limp arm to one that the runtime opens: the record of `forerun calibrate joints`, believed of that arm and of no other."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from bench.calibration.joints import RAD_PER_TICK, robot_for
from bench.workplace.arm_in_hand import ArmInHand, Mounting, built
from calibration.joints import program
from calibration.lerobot import program as lerobot
from calibration.records.store import RecordStore
from interfaces.calibration.joints import JointsRecord
from interfaces.errors import CalibrationError
from interfaces.toml_writer import to_toml
from runtime.calibrated_robot import CalibratedRobot, load_calibrated
from runtime.known_arm import KnownArm, known_arm

MOUNTED = Mounting(motor_at_zero_rad=np.linspace(2.6, 3.4, 6), direction=np.array([1.0, 1, 1, 1, 1, 1]))
OTHERWISE = replace(MOUNTED, motor_at_zero_rad=MOUNTED.motor_at_zero_rad + 0.5)


@pytest.fixture
def place(tmp_path: Path) -> ArmInHand:
    """An arm that was calibrated, its robot file beside the records."""
    place = arm_at(tmp_path, MOUNTED)
    assert run(place) == program.PASSED
    return place


def arm_at(folder: Path, mounting: Mounting) -> ArmInHand:
    """Return an arm whose workplace keeps its records where the runtime looks for those of a robot named "records"."""
    robot = built(robot_for("feetech", folder), mounting)
    assert robot.calibration is not None
    required = replace(robot.calibration, folder=".", require=("joints",), offsets="eeprom")
    robot = replace(robot, name="records", calibration=required)
    (folder / "mine.toml").write_text(to_toml(robot))
    return ArmInHand(robot, mounting, folder, seed=3)


def run(place: ArmInHand) -> int:
    parser = argparse.ArgumentParser()
    program.add_arguments(parser)
    return program.run(place.workplace, parser.parse_args([]))


def loaded(folder: Path) -> CalibratedRobot:
    return load_calibrated(folder / "mine.toml", now=datetime.now(timezone.utc))


def test_the_runtime_opens_the_arm_and_reads_true_angles(place: ArmInHand, tmp_path: Path) -> None:
    calibrated = loaded(tmp_path)
    arm = known_arm(place.workplace.make_arm(calibrated.robot.arm), calibrated)
    assert isinstance(arm, KnownArm)
    assert np.abs(arm.open().position_rad - place.joints.position_now_rad).max() < 1.1 * RAD_PER_TICK


def test_another_arm_of_the_same_model_is_refused(place: ArmInHand, tmp_path: Path) -> None:
    calibrated = loaded(tmp_path)
    (tmp_path / "other").mkdir()
    other = arm_at(tmp_path / "other", OTHERWISE)
    assert run(other) == program.PASSED
    arm = known_arm(other.workplace.make_arm(loaded(tmp_path / "other").robot.arm), calibrated)
    with pytest.raises(CalibrationError, match="kept a homing offset of"):
        arm.open()
    del place


def test_through_lerobots_file_and_back_it_is_the_same_arm(place: ArmInHand, tmp_path: Path) -> None:
    before = RecordStore(place.workplace.records).current("joints")
    assert isinstance(before, JointsRecord)
    parser = argparse.ArgumentParser()
    lerobot.add_arguments(parser)
    for way in ("write", "read"):
        arguments = parser.parse_args([way, str(tmp_path / "lerobot.json")])
        arguments.robot = tmp_path / "mine.toml"
        assert lerobot.run(place.workplace, arguments) == 0
    after = RecordStore(place.workplace.records).current("joints")
    assert isinstance(after, JointsRecord)
    assert after.arm == before.arm
    apart = np.array([one.home - other.home for one, other in zip(after.joints, before.joints, strict=True)])
    assert np.abs((apart + 2048) % 4096 - 2048).max() <= 1.0
    calibrated = loaded(tmp_path)
    arm = known_arm(place.workplace.make_arm(calibrated.robot.arm), calibrated)
    assert np.abs(arm.open().position_rad - place.joints.position_now_rad).max() < 2.1 * RAD_PER_TICK
