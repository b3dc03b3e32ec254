"""LeRobot's file read into the joints record of an arm that is asked whether it is the one, and written from it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.record_rig import NOW, RecordRig
from calibration.lerobot import program as lerobot
from calibration.lerobot.motors import LerobotMotor, lerobot_text, parse_lerobot
from calibration.session.workplace import Workplace
from drivers.homing import Ticks
from interfaces.calibration.homes import homes
from interfaces.calibration.joints import JointsRecord
from interfaces.device_facts import MotorIdentity
from interfaces.errors import CalibrationError, ConfigError, DeviceLostError, RefusedError
from interfaces.robot_config import load_robot
from runtime.calibrated_robot import load_calibrated
from runtime.known_arm import why_other_motors

AtWork = Callable[[RecordRig], Workplace]
OFFSETS = (-512, 1022, 1288, -1900, 0, 1500)
RANGES = ((797, 3299), (909, 3177), (940, 3143), (973, 3124), (0, 4095), (1430, 2682))


class FakeServos:
    """Servos that say which they are and which offsets they keep; whatever else is asked of them is a mistake."""

    ticks_per_turn, offset_max_ticks, seam_moves = 4096, 2047, True

    def __init__(self, motors: tuple[MotorIdentity, ...]) -> None:
        self.motors = motors
        self.calls: list[str] = []

    def open(self) -> None:
        self.calls.append("open")

    def identity(self) -> tuple[MotorIdentity, ...]:
        self.calls.append("identity")
        return self.motors

    def close(self) -> None:
        self.calls.append("close")

    def torque(self) -> tuple[bool, ...]:
        raise AssertionError

    def release(self) -> None:
        raise AssertionError

    def encoder_ticks(self) -> Ticks:
        raise AssertionError

    def homes_with(self, offsets: Ticks) -> Ticks:
        raise AssertionError(offsets)

    def write_offsets(self, offsets: Ticks) -> None:
        raise AssertionError(offsets)


@pytest.fixture
def servos(rig: RecordRig) -> FakeServos:
    """The arm, as LeRobot left it."""
    rows = zip(rig.arm().motors, OFFSETS, strict=True)
    return FakeServos(tuple(replace(motor, homing_offset=offset) for motor, offset in rows))


@pytest.fixture
def file(rig: RecordRig, tmp_path: Path) -> Path:
    """LeRobot's file of it."""
    motors = {
        joint: LerobotMotor(id=index + 1, drive_mode=0, homing_offset=offset, range_min=low, range_max=high)
        for index, (joint, offset, (low, high)) in enumerate(
            zip(rig.robot.arm.joint_names, OFFSETS, RANGES, strict=True)
        )
    }
    path = tmp_path / "lerobot.json"
    path.write_text(lerobot_text(motors))
    return path


@pytest.fixture
def workplace(rig: RecordRig, at_work: AtWork, servos: FakeServos) -> Workplace:
    """The workplace of that arm."""
    return replace(at_work(rig), make_homing=lambda: servos)


def run(workplace: Workplace, rig: RecordRig, *options: str) -> int:
    parser = argparse.ArgumentParser()
    lerobot.add_arguments(parser)
    arguments = parser.parse_args(options)
    arguments.robot = rig.robot_file
    return lerobot.run(workplace, arguments)


def test_an_arm_calibrated_with_lerobot_needs_no_other_calibration(
    rig: RecordRig, workplace: Workplace, servos: FakeServos, file: Path, listener: Any
) -> None:
    assert run(workplace, rig, "read", str(file)) == 0
    assert servos.calls == ["open", "identity", "close"]
    calibrated = load_calibrated(rig.robot_file, now=NOW)
    np.testing.assert_allclose(homes(calibrated.robot.arm)[:3], [2048 - 512, 2043 + 1022, 2041.5 + 1288], atol=0.6)
    record = calibrated.records["joints", ""]
    assert isinstance(record, JointsRecord)
    assert why_other_motors(record.arm.motors, servos.motors) == ""
    assert (record.offsets, record.header.note) == ("eeprom", "from LeRobot's lerobot.json")
    assert "45.00 deg" in listener.said  # the gripper's zero


def test_read_and_written_it_is_the_same_file(rig: RecordRig, workplace: Workplace, file: Path, tmp_path: Path) -> None:
    run(workplace, rig, "read", str(file))
    again = tmp_path / "again.json"
    assert run(workplace, rig, "write", str(again)) == 0
    assert again.read_text() == file.read_text()


def test_a_file_of_another_arm_is_refused_by_the_offsets_its_servos_keep(
    rig: RecordRig, workplace: Workplace, servos: FakeServos, file: Path
) -> None:
    servos.motors = (replace(servos.motors[0], homing_offset=3), *servos.motors[1:])
    with pytest.raises(RefusedError, match="shoulder_pan has homing offset -512, its servo keeps 3"):
        run(workplace, rig, "read", str(file))
    assert servos.calls[-1] == "close"
    assert not rig.folder.exists()


def test_without_the_arm_its_models_are_unknown_and_said_to_be(
    rig: RecordRig, workplace: Workplace, servos: FakeServos, file: Path
) -> None:
    assert run(workplace, rig, "read", str(file), "--without-arm") == 0
    assert servos.calls == []
    record = rig.store.current("joints")
    assert isinstance(record, JointsRecord)
    assert record.header.note.endswith("the servos not asked")
    assert why_other_motors(record.arm.motors, servos.motors) == ""


def test_an_arm_that_is_not_there_can_be_done_without(
    rig: RecordRig, workplace: Workplace, servos: FakeServos, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise DeviceLostError("/dev/ttyACM0 is not there")

    monkeypatch.setattr(servos, "open", gone)
    with pytest.raises(RefusedError, match="ttyACM0 is not there; --without-arm"):
        run(workplace, rig, "read", str(file))
    assert servos.calls == ["close"]


def test_a_travel_that_is_not_the_drawings_is_not_written(
    rig: RecordRig, workplace: Workplace, file: Path, listener: Any
) -> None:
    table = json.loads(file.read_text())
    table["elbow_flex"]["range_max"] -= 100
    file.write_text(json.dumps(table))
    assert run(workplace, rig, "read", str(file)) == 1
    assert "not written: travel against the drawing's" in listener.said
    assert not rig.folder.exists()


def test_an_offset_that_lerobot_will_change_is_said(
    rig: RecordRig, workplace: Workplace, tmp_path: Path, listener: Any
) -> None:
    rig.save(replace(rig.joints(shift=1500.0), arm=rig.arm()))  # the travel crosses the seam with the offset 0
    out = tmp_path / "out.json"
    assert run(workplace, rig, "write", str(out)) == 0
    assert parse_lerobot(out.read_text(), "out")["shoulder_pan"].homing_offset != 0
    assert "LeRobot writes other homing offsets into shoulder_pan" in listener.said


def test_nothing_is_written_over_and_nothing_out_of_a_bad_record(
    rig: RecordRig, workplace: Workplace, file: Path, tmp_path: Path
) -> None:
    with pytest.raises(CalibrationError, match="missing"):
        run(workplace, rig, "write", str(tmp_path / "x.json"))
    run(workplace, rig, "read", str(file))
    before = file.read_text()
    with pytest.raises(RefusedError, match="--force"):
        run(workplace, rig, "write", str(file))
    assert run(workplace, rig, "write", str(file), "--force") == 0
    assert file.read_text() == before
    rig.store.path("joints").write_text("damaged")
    with pytest.raises(CalibrationError, match=r"\[seal\]"):
        run(workplace, rig, "write", str(tmp_path / "x.json"))
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"nonsense"])
def test_what_is_no_text_of_lerobots_is_refused(
    rig: RecordRig, workplace: Workplace, file: Path, content: bytes
) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"lerobot\.json"):
        run(workplace, rig, "read", str(file))
    with pytest.raises(ConfigError, match="No such file or directory; expected LeRobot's calibration file"):
        run(workplace, rig, "read", str(file.with_name("none.json")))


def test_arms_of_other_families_have_no_such_file(rig: RecordRig, at_work: AtWork, file: Path) -> None:
    other = load_robot(Path(__file__).parents[3] / "robots/koch.toml").arm
    changed = replace(at_work(rig), robot=replace(rig.robot, arm=other))
    with pytest.raises(RefusedError, match="for Feetech servos"):
        run(changed, rig, "read", str(file))
