"""The driver against emulated drives in lockstep: what it writes, what it refuses, and what it says when they let go."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.arm_rigs.cia402 import COUNTS_PER_TURN, Cia402Rig, cia402_config
from drivers.can_port import CanFrame
from drivers.cia402 import bus_budget
from drivers.cia402_protocol import PowerState
from drivers.cia402_setup import Identity
from interfaces.errors import BusTimeoutError, DeviceError, RefusedError
from interfaces.messages import JointState, JointVector
from sim.cia402_objects import PRODUCT, REVISION, SERIAL, VENDOR

POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4])


class Tap:
    """A node that says nothing, and keeps what the host sends."""

    def __init__(self) -> None:
        self.frames: list[CanFrame] = []

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        del t_now_ns
        self.frames.append(frame)
        return []

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        del t_now_ns
        return []

    def power_on(self) -> None:
        self.frames.clear()

    def data(self, can_id: int) -> list[str]:
        return [frame.data.hex(" ").upper() for frame in self.frames if frame.can_id == can_id]


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


def test_set_up_is_by_the_published_frames(rig: Cia402Rig, tap: Tap) -> None:
    rig.arm.open()
    asked = tap.data(0x607)
    for frame in ("40 00 10 00 00 00 00 00", "2F 60 60 00 08 00 00 00", "2B 17 10 00 64 00 00 00"):
        assert frame in asked
    assert "23 16 10 01 64 00 7E 00" in asked  # node 126, the highest that no drive has; 100 ms
    assert {"80 07", "01 07"} <= set(tap.data(0))
    assert tap.data(0x77E) == []  # nobody is watched before it drives
    assert rig.arm.identities[7] == Identity(VENDOR, PRODUCT, REVISION, SERIAL)
    drive = rig.drives[1]
    assert (drive.get(0x60C2, 1), drive.get(0x60C2, 2)) == (10, -3)
    assert rig.motors.effort_limit_ratio == pytest.approx([0.8] * 4)


def test_opening_again_leaves_the_pdos_alone(held: Cia402Rig, tap: Tap) -> None:
    held.arm.close()
    tap.frames.clear()
    held.arm.open()
    assert not [data for data in tap.data(0) if data.startswith("80")]  # pre-operational, where some drives let go
    assert tap.data(0x77E)  # they drive, and so are told that we live


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


def test_missing_drives_are_named(rig: Cia402Rig) -> None:
    rig.silence(0)
    rig.silence(2)
    with pytest.raises(BusTimeoutError, match=r"drive 1 \(joint_1\).*drive 127 \(joint_3\) .*no answer; 2 of 4 drives"):
        rig.arm.open()


def test_a_node_that_was_stopped_is_woken(rig: Cia402Rig) -> None:
    rig.drives[1].advance(10**9)
    rig.drives[1].hear(CanFrame(0, bytes((2, 7))), 10**9)
    rig.arm.open()


@pytest.mark.parametrize(
    ("index", "subindex", "value", "told"),
    [
        (0x1000, 0, 401, "is of device profile 401; expected 402"),
        (0x6502, 0, 0x41, "does not know the mode cyclic synchronous position"),
        (0x607D, 2, 20_000, r"its travel, -?\d+..\d+ counts, is wider than the drive's own limits, -10..20000"),
    ],
)
def test_a_drive_that_does_not_fit_is_refused(rig: Cia402Rig, index: int, subindex: int, value: int, told: str) -> None:
    rig.drives[1].put(0x607D, 1, -10 if index == 0x607D else 0)
    rig.drives[1].put(index, subindex, value)
    with pytest.raises(DeviceError, match=rf"drive 7 \(joint_2\) on can0:? .*{told}"):
        rig.arm.open()


def test_without_means_to_stop_by_itself_a_time_out_is_refused() -> None:
    rig = Cia402Rig(lacking=frozenset({0x6007}))
    with pytest.raises(
        DeviceError, match=r"drive 1 \(joint_1\) on can0 cannot be told to stop .* set motor_timeout_ms"
    ):
        rig.arm.open()
    rig.arm_with(motor_timeout_ms=0.0).open()


def test_without_a_torque_limit_the_drive_is_refused() -> None:
    rig = Cia402Rig(lacking=frozenset({0x6072}))
    with pytest.raises(DeviceError, match="has no object 6072h to limit its torque"):
        rig.arm.open()


def test_what_a_drive_does_not_know_is_not_told() -> None:
    rig = Cia402Rig(lacking=frozenset({0x6077, 0x6079}))
    rig.arm.open()
    rig.arm.hold()
    state = exchange(rig, POSE_RAD, 3)
    assert np.isnan(state.effort_ratio).all()
    assert np.isnan(state.voltage_v).all()
    assert state.position_rad == pytest.approx(POSE_RAD, abs=rig.resolution_rad)


def test_a_travel_beyond_32_bits_is_refused(rig: Cia402Rig) -> None:
    joints = (replace(rig.config.joints[0], home_counts=2**31 - 10), *rig.config.joints[1:])
    with pytest.raises(DeviceError, match=r"drive 1 \(joint_1\) on can0: its travel, .* does not fit into 32 bits"):
        rig.arm_with(joints=joints).open()


def test_a_time_out_shorter_than_two_periods_is_refused(rig: Cia402Rig) -> None:
    with pytest.raises(RefusedError, match="motor_timeout_ms 15 is less than 2 periods of 10 ms"):
        rig.arm_with(motor_timeout_ms=15.0).open()


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
