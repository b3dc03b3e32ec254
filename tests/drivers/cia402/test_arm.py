"""The driver against emulated drives in lockstep: what it writes, what it refuses, and what it says when they let go."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.arm_rigs.cia402 import COUNTS_PER_TURN, Cia402Rig, cia402_config
from bench.arm_rigs.tap import Tap
from drivers.can.port import CanFrame
from drivers.cia402.arm import bus_budget
from drivers.cia402.protocol import PowerState
from interfaces.errors import BusTimeoutError, DeviceError, RefusedError
from interfaces.messages import JointState, JointVector

POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4])


@pytest.fixture
def tap() -> Tap:
    return Tap()


@pytest.fixture
def rig(tap: Tap) -> Cia402Rig:
    return Cia402Rig(others=[tap])


@pytest.fixture
def held(rig: Cia402Rig) -> Cia402Rig:
    rig.arm.open()
    rig.arm.hold()
    return rig


def exchange(rig: Cia402Rig, position_rad: JointVector, times: int = 1) -> JointState:
    for _ in range(times - 1):
        rig.wait(rig.config.period_ns)
        rig.arm.exchange(position_rad)
    rig.wait(rig.config.period_ns)
    return rig.arm.exchange(position_rad)


def test_the_state_is_in_si_units(held: Cia402Rig) -> None:
    held.motors.effort[1] = 0.5
    held.drives[3].supply_v = 47.5
    state = exchange(held, POSE_RAD, 60)
    assert state.position_rad == pytest.approx(POSE_RAD, abs=held.resolution_rad)
    assert state.effort_ratio == pytest.approx([0, -0.5, 0, 0])  # the second turns against its motor
    assert state.voltage_v == pytest.approx([48, 48, 48, 47.5])
    assert np.isnan(state.temperature_degc).all()


def test_velocity_is_that_of_the_joint(held: Cia402Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def velocity_rad_s(index: int) -> float:
        return 2.0 if index == 1 else 0.0

    monkeypatch.setattr(held.motors, "velocity_rad_s", velocity_rad_s)
    assert exchange(held, POSE_RAD).velocity_rad_s == pytest.approx([0, -2, 0, 0], abs=1e-4)


def test_the_measured_pose_is_the_target_before_power_comes(rig: Cia402Rig, tap: Tap) -> None:
    rig.arm.open()
    rig.place(0, 1.0)
    tap.frames.clear()
    rig.arm.hold()
    words = [data.split(" ")[0] for data in tap.data(0x201)]
    assert list(dict.fromkeys(words)) == ["06", "07", "0F"]
    counts = (round(COUNTS_PER_TURN[0] / (2 * math.pi))).to_bytes(4, "little").hex(" ").upper()
    assert {data[6:] for data in tap.data(0x201)} == {counts}


def test_the_bits_of_a_cycle_by_hand() -> None:
    # n bytes take 34 + 8 n bits open to stuffing, one more per four of them, and 13: 135, 115, 105, 95, 65 and 55 for 8, 6, 5, 4,
    # 1 and 0. TPDO 1, RPDO 1, TPDO 2 a drive; a TPDO 3 and a heartbeat now and then; SYNC.
    config = cia402_config()
    joints = tuple(replace(config.joints[0], name=f"joint_{i}", node_id=i) for i in range(1, 8))
    budget = bus_budget(replace(config, joints=joints, rate_hz=250.0))
    assert budget.busy_ns == (7 * (135 + 115 + 105) + 95 + 65 + 55) * 1000
    assert budget.ratio == pytest.approx(0.675)
    budget.require_fit("can0")


@pytest.mark.parametrize(
    ("code", "told"), [(0x8611, r"8611h \(following error\)"), (0x2310, r"2310h \(continuous over-current\)")]
)
def test_a_fault_is_named_with_its_code_until_the_next_hold(held: Cia402Rig, code: int, told: str) -> None:
    exchange(held, POSE_RAD)
    held.drives[1].fail(code)
    with pytest.raises(DeviceError, match=rf"drive 7 \(joint_2\) on can0 let go: fault .*{told}"):
        exchange(held, POSE_RAD, 2)
    assert held.torque() == [True, False, True, True]
    with pytest.raises(DeviceError, match=told):
        exchange(held, POSE_RAD)
    held.arm.hold()
    exchange(held, POSE_RAD, 20)


def test_a_target_that_runs_away_is_a_following_error(held: Cia402Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def blocked(index: int, target_rad: float) -> None:
        del index, target_rad

    monkeypatch.setattr(held.motors, "set_target_rad", blocked)
    with pytest.raises(DeviceError, match=r"joint_4.* let go: fault .*8611h \(following error\)"):
        exchange(held, POSE_RAD, 3)


def test_a_fault_that_lasts_is_not_held_over(held: Cia402Rig) -> None:
    held.drives[0].supply_v = 70.0
    held.wait(held.config.period_ns)
    with pytest.raises(
        DeviceError,
        match=r"drive 1 \(joint_1\) on can0 is in state fault .*3210h \(DC link over-voltage\): fault reset had no",
    ):
        held.arm.hold()
    held.drives[0].supply_v = 48.0
    held.arm.hold()
    exchange(held, POSE_RAD, 3)


def test_a_drive_that_does_not_take_a_step_is_named_with_it(rig: Cia402Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.arm.open()
    drive = rig.drives[2]
    enter = drive._enter  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    def refuse(state: PowerState) -> None:
        if state != PowerState.SWITCHED_ON:
            enter(state)

    monkeypatch.setattr(drive, "_enter", refuse)
    with pytest.raises(
        DeviceError, match=r"^drive 127 \(joint_3\) on can0 is in state ready to switch on .*: switch on had no effect"
    ):
        rig.arm.hold()
    with pytest.raises(RefusedError, match="before hold"):
        exchange(rig, POSE_RAD)


def test_a_drive_that_is_enabled_first_does_not_sink_with_its_load(
    rig: Cia402Rig, tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.arm.open()
    slow, enter = rig.drives[2], rig.drives[2]._enter  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    t_ready_ns = rig.now_ns() + 300_000_000

    def open_the_brake_first(state: PowerState) -> None:
        if state != PowerState.SWITCHED_ON or rig.now_ns() > t_ready_ns:
            enter(state)

    def sag(index: int) -> float:
        loaded = index == 0 and rig.torque()[0]
        return (t_ready_ns - rig.now_ns()) * 3e-11 if loaded else 0.0

    monkeypatch.setattr(slow, "_enter", open_the_brake_first)
    monkeypatch.setattr(rig.motors, "position_rad", sag)
    tap.frames.clear()
    rig.arm.hold()
    told = tap.data(0x201)
    assert len(told) > 20
    assert len({data[6:] for data in told}) == 1


def test_a_drive_that_let_go_is_not_told_to_operate_again(held: Cia402Rig) -> None:
    exchange(held, POSE_RAD)
    held.drives[1].hear(
        CanFrame(0x607, bytes.fromhex("2B 40 60 00 07 00 00 00")), held.now_ns()
    )  # somebody else's hand
    with pytest.raises(DeviceError, match=r"drive 7 \(joint_2\) on can0 let go: switched on"):
        exchange(held, POSE_RAD)
    for _ in range(5):
        with pytest.raises(DeviceError, match="let go"):
            exchange(held, POSE_RAD)
    assert held.torque() == [True, False, True, True]


def test_another_mode_is_noticed(held: Cia402Rig) -> None:
    held.drives[1].hear(CanFrame(0x607, bytes.fromhex("2F 60 60 00 01 00 00 00")), held.now_ns())
    with pytest.raises(DeviceError, match=r"drive 7 \(joint_2\) on can0 is in mode 1; expected 8"):
        exchange(held, POSE_RAD)


def test_a_drive_that_is_no_longer_operational_is_said(held: Cia402Rig) -> None:
    held.drives[1].hear(CanFrame(0, bytes((2, 7))), held.now_ns())
    held.wait(200_000_000)
    with pytest.raises(DeviceError, match=r"drive 7 \(joint_2\) on can0 is no longer operational \(NMT state 4\)"):
        exchange(held, POSE_RAD)
    held.arm.hold()
    exchange(held, POSE_RAD, 3)


def test_a_fault_from_before_is_named_when_it_cannot_be_reset(rig: Cia402Rig) -> None:
    rig.drives[0].supply_v = 70.0
    rig.wait(10_000_000)
    rig.arm.open()  # moves nothing, and so minds no fault
    with pytest.raises(DeviceError, match=r"3210h \(DC link over-voltage\): fault reset had no effect"):
        rig.arm.hold()


def test_a_state_is_as_old_as_its_sync(held: Cia402Rig) -> None:
    held.wait(held.config.period_ns)
    t_ns = held.now_ns()
    assert held.arm.exchange(POSE_RAD).t_measured_ns == t_ns + 4 * 115_000
    assert held.arm.read().t_measured_ns < held.now_ns()


def test_drives_stop_by_themselves_when_we_fall_silent(held: Cia402Rig) -> None:
    exchange(held, POSE_RAD, 50)
    assert all(held.torque())
    held.wait(90_000_000)
    assert all(held.torque())
    held.wait(100_000_000)
    assert not any(held.torque())
    with pytest.raises(DeviceError, match=r"8130h \(heartbeat lost\)"):
        exchange(held, POSE_RAD)


def test_a_released_arm_is_not_watched(held: Cia402Rig) -> None:
    held.arm.release()
    held.wait(10**9)
    assert {drive.state for drive in held.drives} == {PowerState.SWITCH_ON_DISABLED}
    held.arm.hold()
    exchange(held, POSE_RAD)


def test_release_names_who_does_not_say_that_it_let_go(held: Cia402Rig) -> None:
    held.silence(2)
    with pytest.raises(BusTimeoutError, match=r"^drive 127 \(joint_3\) on can0: told to disable its voltage"):
        held.arm.release()
    assert not any(held.torque())  # it heard nothing of us either, and so stopped by itself
    assert held.drives[2].state == PowerState.FAULT


def test_one_lost_answer_costs_one_cycle(held: Cia402Rig) -> None:
    exchange(held, POSE_RAD, 2)
    held.drop(1)
    with pytest.raises(BusTimeoutError, match=r"^drive 1 \(joint_1\) on can0: no answer in time$"):
        exchange(held, POSE_RAD)
    exchange(held, POSE_RAD)
