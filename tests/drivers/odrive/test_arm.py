"""The driver against emulated axes in lockstep: what it tells them, what it refuses, and what it says when they let go."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.arm_rigs.odrive import GEARS, NODE_IDS, TORQUE_CONSTANT_NM_A, OdriveRig, odrive_config
from bench.arm_rigs.tap import Tap
from drivers.can.port import CanFrame
from drivers.odrive import protocol
from drivers.odrive.arm import bus_budget
from drivers.odrive.protocol import AxisError, AxisState, Command, Generation, OldAxisError
from interfaces.errors import BusTimeoutError, DeviceError, RefusedError
from interfaces.messages import JointState, JointVector

POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4, 0.5, 0.6])


@pytest.fixture
def tap() -> Tap:
    return Tap()


@pytest.fixture
def rig(tap: Tap) -> OdriveRig:
    return OdriveRig(others=[tap])


@pytest.fixture
def held(rig: OdriveRig) -> OdriveRig:
    rig.arm.open()
    rig.arm.hold()
    return rig


def exchange(rig: OdriveRig, position_rad: JointVector, times: int = 1) -> JointState:
    for _ in range(times - 1):
        rig.wait(rig.config.period_ns)
        rig.arm.exchange(position_rad)
    rig.wait(rig.config.period_ns)
    return rig.arm.exchange(position_rad)


def test_the_state_is_in_si_units(held: OdriveRig) -> None:
    held.motors.effort[2] = -0.5
    held.axes[3].supply_v = 23.0
    held.axes[4].motor_degc = 61.0
    state = exchange(held, POSE_RAD, 30)
    assert state.position_rad == pytest.approx(POSE_RAD, abs=1e-5)
    assert state.velocity_rad_s == pytest.approx(np.zeros(6))
    assert state.effort_ratio == pytest.approx([0, 0, -0.5, 0, 0, 0])
    assert state.voltage_v == pytest.approx([24, 24, 24, 23, 24, 24])
    assert state.temperature_degc == pytest.approx([25, 25, 25, 25, 61, 25])  # the warmer of inverter and motor


def test_velocity_is_that_of_the_joint(held: OdriveRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def velocity_rad_s(index: int) -> float:
        return 2.0 if index == 1 else 0.0

    monkeypatch.setattr(held.motors, "velocity_rad_s", velocity_rad_s)
    assert exchange(held, POSE_RAD).velocity_rad_s == pytest.approx([0, -2.0 / GEARS[1], 0, 0, 0, 0])


def test_limits_are_the_robot_files_and_come_back_after_a_loss_of_power(held: OdriveRig) -> None:
    def assert_limits() -> None:
        for axis, gear in zip(held.axes, GEARS, strict=True):
            assert axis.current_limit_a == pytest.approx(0.8 * 0.5 / TORQUE_CONSTANT_NM_A)
            assert axis.velocity_limit_turns_s == pytest.approx(1.25 * 4.0 * gear / (2 * math.pi))

    assert_limits()
    held.power_cycle()
    held.wait(200_000_000)
    held.arm.hold()
    assert_limits()


def test_the_velocity_between_two_targets_is_fed_forward(held: OdriveRig, tap: Tap) -> None:
    exchange(held, np.zeros(6), 2)
    tap.frames.clear()
    exchange(held, np.full(6, 0.01))
    told = {frame.can_id >> 5: frame.data for frame in tap.frames if frame.can_id & 31 == Command.SET_INPUT_POSITION}
    turns_s = 0.01 * 100 * GEARS[0] / (2 * math.pi)
    expected = protocol.set_input_position(NODE_IDS[0], 0.01 * GEARS[0] / (2 * math.pi), turns_s)
    assert told[NODE_IDS[0]] == expected.data
    assert len(told) == 6


def test_after_a_failure_nothing_is_fed_forward(held: OdriveRig, tap: Tap) -> None:
    exchange(held, np.zeros(6))
    held.silence(5)
    with pytest.raises(BusTimeoutError):
        exchange(held, np.zeros(6))
    held.speak(5)
    tap.frames.clear()
    exchange(held, np.full(6, 0.1))
    told = [frame.data for frame in tap.frames if frame.can_id & 31 == Command.SET_INPUT_POSITION]
    assert {data[4:] for data in told} == {bytes(4)}


def test_a_slow_bus_is_not_flooded_with_questions(held: OdriveRig, tap: Tap) -> None:
    arm = held.arm_with(rate_hz=5.0)
    arm.open()
    arm.hold()
    for axis in range(6):
        held.silence(axis)
    tap.frames.clear()
    with pytest.raises(BusTimeoutError):
        arm.exchange(POSE_RAD)
    asked = [frame for frame in tap.frames if frame.remote and frame.can_id & 31 == Command.ESTIMATES]
    assert 3 * 6 <= len(asked) <= 6 * 6  # in 140 ms


def test_a_cycle_asks_each_axis_once_and_one_thing_more(held: OdriveRig, tap: Tap) -> None:
    tap.frames.clear()
    exchange(held, POSE_RAD)
    asked = [frame.can_id & 31 for frame in tap.frames if frame.remote]
    assert asked.count(Command.ESTIMATES) == 6
    assert len(asked) == 7
    slow: set[int] = set()
    for _ in range(24):
        tap.frames.clear()
        exchange(held, POSE_RAD)
        slow |= {frame.can_id for frame in tap.frames if frame.remote and frame.can_id & 31 != Command.ESTIMATES}
    assert len(slow) == 6 * 3  # current, supply and temperature of every axis


def test_the_bits_of_a_cycle_by_hand() -> None:
    # 8 bytes: 135 bits at most; none, as questions have: 55. A target, a question, an answer an axis; one question more, with
    # its answer; and with seven axes at 250 Hz 0.28 heartbeats a cycle, so one.
    config = odrive_config()
    seven = (*config.joints, replace(config.joints[0], name="joint_7", node_id=20))
    budget = bus_budget(replace(config, joints=seven, rate_hz=250.0))
    assert budget.busy_ns == (16 * 135 + 8 * 55) * 1000
    assert budget.ratio == pytest.approx(0.65)
    budget.require_fit("can0")


def test_a_position_told_unasked_is_refused_with_the_remedy(rig: OdriveRig) -> None:
    rig.axes[2].estimates_period_ns = 10_000_000
    with pytest.raises(
        DeviceError, match=r"axis 1 \(joint_3\) on can0: tells its position unasked; .*encoder_msg_rate_ms"
    ):
        rig.arm.open()


def test_missing_axes_are_named(rig: OdriveRig) -> None:
    rig.silence(0)
    rig.silence(4)
    with pytest.raises(BusTimeoutError, match=r"axis 0 \(joint_1\).*axis 62 \(joint_5\).*no heartbeat; 4 of 6 axes"):
        rig.arm.open()


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        (AxisError.DRV_FAULT, "drv fault"),
        (AxisError.SPINOUT_DETECTED | AxisError.MOTOR_OVER_TEMP, "motor over temp, spin"),
    ],
)
def test_an_axis_that_lets_go_is_named_with_its_errors(held: OdriveRig, errors: int, told: str) -> None:
    exchange(held, POSE_RAD)
    held.axes[1].fail(errors)
    with pytest.raises(DeviceError, match=rf"axis 3 \(joint_2\) on can0 let go: state 1 \(idle\), {told}"):
        exchange(held, POSE_RAD, 11)  # the next heartbeat is at most 100 ms away
    with pytest.raises(DeviceError, match="let go"):  # until somebody makes it hold again
        exchange(held, POSE_RAD)
    held.arm.hold()
    exchange(held, POSE_RAD, 20)


def test_a_fault_that_lasts_is_not_held_over(held: OdriveRig) -> None:
    held.axes[0].supply_v = 60.0
    held.wait(200_000_000)
    with pytest.raises(DeviceError, match=r"axis 0 \(joint_1\) on can0 does not hold: state 1 .* dc bus over voltage"):
        held.arm.hold()
    held.arm.open()
    with pytest.raises(RefusedError, match="before hold"):
        held.arm.exchange(POSE_RAD)


def test_an_axis_without_heartbeat_is_not_believed_to_hold(held: OdriveRig) -> None:
    exchange(held, POSE_RAD)

    def say_nothing(t_now_ns: int) -> list[CanFrame]:
        del t_now_ns
        return []

    held.axes[5].advance = say_nothing
    with pytest.raises(BusTimeoutError, match=r"axis 5 \(joint_6\) on can0: no heartbeat for 1 s"):
        exchange(held, POSE_RAD, 110)


def test_an_axis_that_does_not_know_its_position_is_said(rig: OdriveRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def position_rad(index: int) -> float:
        return math.nan if index == 3 else 0.0

    monkeypatch.setattr(rig.motors, "position_rad", position_rad)
    with pytest.raises(DeviceError, match=r"axis 17 \(joint_4\) on can0: does not know its position"):
        rig.arm.open()


def test_the_watchdog_is_fed_by_targets_alone(held: OdriveRig) -> None:
    held.axes[0].watchdog_ns = 50_000_000
    exchange(held, POSE_RAD, 30)
    assert held.axes[0].state == AxisState.CLOSED_LOOP_CONTROL
    for _ in range(10):
        held.wait(held.config.period_ns)
        held.arm.read()
        if not held.torque()[0]:
            break
    with pytest.raises(DeviceError, match="watchdog timer expired"):
        exchange(held, POSE_RAD, 12)


def test_asking_for_torque_feeds_the_watchdogs_of_an_arm_that_holds(held: OdriveRig) -> None:
    exchange(held, POSE_RAD)
    for axis in held.axes:
        axis.watchdog_ns = 30_000_000  # less than a heartbeat's period
    for _ in range(5):
        assert all(held.arm.torque())
    assert held.angles_rad() == pytest.approx(POSE_RAD, abs=1e-5)


def test_asking_a_released_arm_for_torque_tells_it_nothing(held: OdriveRig, tap: Tap) -> None:
    held.arm.release()
    tap.frames.clear()
    held.arm.torque()
    told_by_axes = {Command.HEARTBEAT, Command.ESTIMATES}
    assert [frame for frame in tap.frames if not frame.remote and frame.can_id & 31 not in told_by_axes] == []


def test_firmware_that_would_take_it_for_an_order_is_not_asked_for_its_address(rig: OdriveRig, tap: Tap) -> None:
    for index, revision in ((1, 9), (2, 11)):
        firmware = bytearray(rig.axes[index].firmware)
        firmware[6] = revision
        rig.axes[index].firmware = bytes(firmware)
    rig.arm.open()
    asked = {frame.can_id >> 5 for frame in tap.frames if frame.can_id & 31 == Command.ADDRESS}
    assert asked == set(NODE_IDS) - {NODE_IDS[1]}
    told = rig.arm.identity()
    assert (told[0].model, told[0].firmware, told[0].serial) == ("ODrive Pro 4.4-58", "0.6.10", "395734303231")
    assert (told[1].firmware, told[1].serial) == ("0.6.9", "")
    assert (told[2].firmware, told[2].serial) == ("0.6.11", "395734303233")


def test_firmware_0_5_says_nothing_of_itself_and_is_not_asked(tap: Tap) -> None:
    rig = OdriveRig(Generation.V0_5, others=[tap])
    rig.arm.open()
    assert not [frame for frame in tap.frames if frame.can_id & 31 == Command.ADDRESS]
    assert {(motor.model, motor.firmware, motor.serial) for motor in rig.arm.identity()} == {("ODrive", "0.5", "")}


def test_what_is_asked_for_in_vain_is_a_silent_axis(held: OdriveRig) -> None:
    hear = held.axes[0].hear
    deaf_to = protocol.message_id(NODE_IDS[0], Command.TEMPERATURE)
    held.axes[0].hear = lambda frame, t_now_ns: [] if frame.can_id == deaf_to else hear(frame, t_now_ns)
    with pytest.raises(BusTimeoutError, match=r"axis 0 \(joint_1\) on can0: no answer in time"):
        exchange(held, POSE_RAD, 80)


def test_release_names_who_still_holds(held: OdriveRig) -> None:
    held.silence(3)
    with pytest.raises(BusTimeoutError, match=r"axis 17 \(joint_4\) on can0: no heartbeat, so perhaps it still holds"):
        held.arm.release()
    assert held.torque() == [False, False, False, True, False, False]


def test_firmware_0_5_moves_as_well() -> None:
    rig = OdriveRig(Generation.V0_5)
    rig.arm.open()
    rig.arm.hold()
    state = exchange(rig, POSE_RAD, 10)
    assert rig.angles_rad() == pytest.approx(POSE_RAD, abs=1e-5)
    assert state.voltage_v == pytest.approx([24] * 6)
    assert np.isnan(state.temperature_degc).all()  # 0x15 means something else there
    rig.axes[2].fail(OldAxisError.ENCODER_FAILED)
    with pytest.raises(DeviceError, match=r"axis 1 \(joint_3\) on can0 let go: state 1 \(idle\), encoder failed"):
        exchange(rig, POSE_RAD, 11)
