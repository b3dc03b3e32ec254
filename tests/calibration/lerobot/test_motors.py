"""LeRobot's numbers become ours and back; what cannot be carried over is told."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.record_rig import RecordRig
from calibration.lerobot.motors import (
    RAD_PER_TICK,
    LerobotMotor,
    calibration_of,
    in_order,
    lerobot_text,
    motors_of,
    parse_lerobot,
    zeros_apart_rad,
)
from drivers.feetech.registers import HOMING_OFFSET
from interfaces.arm_config import FeetechConfig, FeetechJoint
from interfaces.calibration.joints import JointCalibration, JointsRecord
from interfaces.errors import ConfigError, RefusedError

FIXTURE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

# An SO-101 follower as LeRobot calibrates it: wrist_roll all around, the others from stop to stop.
SO101 = {
    "shoulder_pan": LerobotMotor(id=1, drive_mode=0, homing_offset=-512, range_min=797, range_max=3299),
    "shoulder_lift": LerobotMotor(id=2, drive_mode=0, homing_offset=1022, range_min=909, range_max=3177),
    "elbow_flex": LerobotMotor(id=3, drive_mode=0, homing_offset=1288, range_min=940, range_max=3143),
    "wrist_flex": LerobotMotor(id=4, drive_mode=0, homing_offset=-1900, range_min=973, range_max=3124),
    "wrist_roll": LerobotMotor(id=5, drive_mode=0, homing_offset=0, range_min=0, range_max=4095),
    "gripper": LerobotMotor(id=6, drive_mode=0, homing_offset=2047, range_min=2030, range_max=3275),
}


@pytest.fixture
def arm(rig: RecordRig) -> FeetechConfig:
    """The arm of the robot file."""
    assert isinstance(rig.robot.arm, FeetechConfig)
    return rig.robot.arm


def record_of(rig: RecordRig, arm: FeetechConfig, motors: dict[str, LerobotMotor]) -> JointsRecord:
    ordered = in_order(motors, arm, "mine.json")
    joints = tuple(calibration_of(motor, joint) for motor, joint in zip(ordered, arm.joints, strict=True))
    kept = tuple(
        replace(identity, homing_offset=motor.homing_offset)
        for identity, motor in zip(rig.arm().motors, ordered, strict=True)
    )
    return replace(rig.joints(), joints=joints, arm=replace(rig.arm(), motors=kept))


def encoder_at(motor: LerobotMotor, present: float) -> float:
    """Return the bare encoder's reading at a present position, by the servo's own rule."""
    return (present + motor.homing_offset) % 4096


def turned_from(home: float, encoder: float) -> float:
    """Return how far the encoder turned from its reading at 0 rad, the shorter way."""
    return ((encoder - home + 2048) % 4096 - 2048) * RAD_PER_TICK


def test_the_offsets_are_those_a_servo_can_keep() -> None:
    for motor in SO101.values():
        assert (
            HOMING_OFFSET.signed(int.from_bytes(HOMING_OFFSET.encode(motor.homing_offset), "little"))
            == motor.homing_offset
        )


def test_the_file_is_lerobots_own_form() -> None:
    text = lerobot_text(SO101)
    assert json.loads(text)["shoulder_pan"] == {
        "id": 1, "drive_mode": 0, "homing_offset": -512, "range_min": 797, "range_max": 3299,
    }  # fmt: skip
    assert parse_lerobot(text, "mine.json") == SO101


def test_lerobots_file_comes_back_as_it_was(rig: RecordRig, arm: FeetechConfig) -> None:
    assert motors_of(record_of(rig, arm, SO101), arm) == SO101


def test_a_symmetric_joint_has_its_zero_where_lerobot_has_it(rig: RecordRig, arm: FeetechConfig) -> None:
    record = record_of(rig, arm, SO101)
    for joint, motor in zip(record.joints[:5], list(SO101.values())[:5], strict=True):
        assert joint.home == encoder_at(motor, (motor.range_min + motor.range_max) / 2)
    assert record.joints[0].range_max_rad == pytest.approx(1251 * RAD_PER_TICK)
    assert record.joints[0].range_min_rad == pytest.approx(-1251 * RAD_PER_TICK)


def test_the_gripper_is_closed_where_the_drawing_says_it_is(rig: RecordRig, arm: FeetechConfig) -> None:
    gripper = record_of(rig, arm, SO101).joints[5]
    closed = encoder_at(SO101["gripper"], SO101["gripper"].range_min)
    angle_rad = turned_from(gripper.home, closed)
    assert angle_rad == pytest.approx(arm.joints[5].position_min_rad, abs=0.01)
    assert (gripper.range_min_rad, gripper.range_max_rad) == pytest.approx((-0.17, 1.74), abs=0.01)


def test_a_joint_that_turns_the_other_way_has_its_angles_turned(arm: FeetechConfig) -> None:
    turned = replace(arm.joints[5], direction=-1)
    plain, other = calibration_of(SO101["gripper"], arm.joints[5]), calibration_of(SO101["gripper"], turned)
    assert (other.range_min_rad, other.range_max_rad) == pytest.approx(
        (plain.range_min_rad, plain.range_max_rad), abs=1e-9
    )
    opened = encoder_at(SO101["gripper"], SO101["gripper"].range_min)  # the other end, now
    assert -turned_from(other.home, opened) == pytest.approx(other.range_max_rad)


def test_how_far_the_zeros_are_apart_is_told(rig: RecordRig, arm: FeetechConfig) -> None:
    record = record_of(rig, arm, SO101)
    apart = zeros_apart_rad(record, list(SO101.values()))
    np.testing.assert_allclose(apart, [0, 0, 0, 0, 0, 0.7854], atol=1e-4)


JOINTS: st.SearchStrategy[dict[str, float]] = st.fixed_dictionaries(
    {
        "home": st.floats(0, 4096, exclude_max=True),
        "low": st.floats(-2.6, -0.1),
        "high": st.floats(0.1, 2.6),
        "direction": st.sampled_from([-1.0, 1.0]),
        "kept": st.integers(-2047, 2047).map(float),
    }
)


@FIXTURE
@given(drawn=JOINTS)
def test_any_joint_of_ours_is_written_so_that_lerobot_finds_the_same_stops(
    rig: RecordRig, arm: FeetechConfig, drawn: dict[str, float]
) -> None:
    record, joint = written(rig, arm, drawn)
    motor = motors_of(record, replace(arm, joints=(joint, *arm.joints[1:])))[joint.name]
    measured = record.joints[0]
    ends = (measured.range_min_rad, measured.range_max_rad)
    theirs = [encoder_at(motor, present) for present in (motor.range_min, motor.range_max)]
    ours = [(measured.home + measured.direction * end / RAD_PER_TICK) % 4096 for end in ends]
    for one, other in zip(theirs, sorted(ours, key=lambda end: ours.index(end) * measured.direction), strict=True):
        assert min(abs(one - other), 4096 - abs(one - other)) <= 0.5 + 1e-6
    assert 0 <= motor.range_min < motor.range_max <= 4095
    assert abs(motor.homing_offset) <= 2047


@FIXTURE
@given(drawn=JOINTS)
def test_a_zero_between_the_stops_of_the_drawing_comes_back(
    rig: RecordRig, arm: FeetechConfig, drawn: dict[str, float]
) -> None:
    record, joint = written(rig, arm, drawn)
    joint = replace(joint, stops_rad=(drawn["low"], drawn["high"]))
    changed = replace(arm, joints=(joint, *arm.joints[1:]))
    back = calibration_of(motors_of(record, changed)[joint.name], joint)
    apart = abs(back.home - record.joints[0].home)
    assert min(apart, 4096 - apart) <= 0.5 + 1e-6
    assert back.range_min_rad == pytest.approx(drawn["low"], abs=1.01 * RAD_PER_TICK)
    assert back.range_max_rad == pytest.approx(drawn["high"], abs=1.01 * RAD_PER_TICK)


@FIXTURE
@given(home=st.floats(0, 4096, exclude_max=True), kept=st.integers(-2047, 2047))
def test_a_joint_without_stops_is_a_whole_turn_around_its_zero(
    rig: RecordRig, arm: FeetechConfig, home: float, kept: int
) -> None:
    drawn = {"home": home, "low": -2.74, "high": 2.84, "direction": 1, "kept": kept}
    record, joint = written(rig, arm, drawn)
    joint = replace(joint, stops_rad=())
    changed = replace(arm, joints=(joint, *arm.joints[1:]))
    motor = motors_of(record, changed)[joint.name]
    assert (motor.range_min, motor.range_max) == (0, 4095)
    apart = abs(calibration_of(motor, joint).home - home)
    assert min(apart, 4096 - apart) <= 1.5 + 1e-6


def written(rig: RecordRig, arm: FeetechConfig, drawn: dict[str, float]) -> tuple[JointsRecord, FeetechJoint]:
    direction = int(drawn["direction"])
    first = JointCalibration(
        name="shoulder_pan",
        home=drawn["home"],
        direction=direction,
        range_min_rad=drawn["low"],
        range_max_rad=drawn["high"],
    )
    record = rig.joints()
    motors = (replace(record.arm.motors[0], homing_offset=int(drawn["kept"])), *record.arm.motors[1:])
    joints = (first, *record.joints[1:])
    return replace(record, joints=joints, arm=replace(record.arm, motors=motors)), replace(
        arm.joints[0], direction=direction
    )


def test_an_offset_that_serves_is_kept(rig: RecordRig, arm: FeetechConfig) -> None:
    drawn = {"home": 2048.0, "low": -1.0, "high": 1.0, "direction": 1.0, "kept": 85.0}
    record, _ = written(rig, arm, drawn)
    assert motors_of(record, arm)["shoulder_pan"].homing_offset == 85


def test_a_zero_away_from_the_middle_is_told(rig: RecordRig, arm: FeetechConfig) -> None:
    drawn = {"home": 1000.0, "low": -0.5, "high": 1.5, "direction": 1.0, "kept": 0.0}
    record, _ = written(rig, arm, drawn)
    apart = zeros_apart_rad(record, list(motors_of(record, arm).values()))
    assert apart[0] == pytest.approx(0.5, abs=RAD_PER_TICK)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected JSON, as LeRobot writes it"),
        ("[]", "a table of motors"),
        ("{}", "a table of motors"),
        ('{"a": 1}', "mine.json: a is 1"),
        ('{"a": {"id": 1}}', "a.drive_mode is missing"),
        ('{"a": {"id": 1, "drive_mode": 0, "homing_offset": 2048, "range_min": 0, "range_max": 9}}', "a.homing_offset is 2048"),
        ('{"a": {"id": 1, "drive_mode": 0, "homing_offset": 1.5, "range_min": 0, "range_max": 9}}', "a.homing_offset is 1.5"),
        ('{"a": {"id": 1, "drive_mode": 0, "homing_offset": 0, "range_min": 9, "range_max": 9}}', "a.range_max is 9"),
        ('{"a": {"id": 1, "drive_mode": 0, "homing_offset": 0, "range_min": -1, "range_max": 9}}', "a.range_min is -1"),
        ('{"a": {"id": true, "drive_mode": 0, "homing_offset": 0, "range_min": 0, "range_max": 9}}', "a.id is True"),
        ("[" * 100_000, "expected JSON, as LeRobot writes it"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_lerobots_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_lerobot(text, "mine.json")
    assert says in str(caught.value)


@given(
    st.text(max_size=200)
    | st.recursive(st.integers() | st.none() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    try:
        parse_lerobot(text, "mine.json")
    except ConfigError:
        return
    assert "homing_offset" in text


def test_a_file_of_another_arm_is_refused(arm: FeetechConfig) -> None:
    swapped = {**SO101, "gripper": replace(SO101["gripper"], id=7)}
    with pytest.raises(RefusedError, match="gripper has id 7, the robot file says 6"):
        in_order(swapped, arm, "mine.json")
    with pytest.raises(RefusedError, match="the robot file has shoulder_pan"):
        in_order({"a": SO101["gripper"]}, arm, "mine.json")
