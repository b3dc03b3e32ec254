"""What is asked of and written into emulated drives at opening: by which frames, and what does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.arm_rigs.cia402 import Cia402Rig
from bench.arm_rigs.tap import Tap
from bench.arm_rigs.trial import exchange
from drivers.can.port import CanFrame
from drivers.cia402.arm import Cia402Arm
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, DeviceError, RefusedError
from sim.cia402.objects import PRODUCT, SERIAL, VENDOR

POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4])


@pytest.fixture
def tap() -> Tap:
    return Tap()


@pytest.fixture
def rig(tap: Tap) -> Cia402Rig:
    return Cia402Rig(others=[tap])


def test_set_up_is_by_the_published_frames(rig: Cia402Rig, tap: Tap) -> None:
    rig.arm.open()
    asked = tap.data(0x607)
    for frame in ("40 00 10 00 00 00 00 00", "2F 60 60 00 08 00 00 00", "2B 17 10 00 64 00 00 00"):
        assert frame in asked
    assert "23 16 10 01 64 00 7E 00" in asked  # node 126, the highest that no drive has; 100 ms
    assert {"80 07", "01 07"} <= set(tap.data(0))
    assert tap.data(0x77E) == []  # nobody is watched before it drives
    assert isinstance(rig.arm, Cia402Arm)
    told = rig.arm.identity()[1]
    number = f"{VENDOR:08X}h:{PRODUCT:08X}h"
    assert told == MotorIdentity(
        joint="joint_2",
        motor_id=7,
        model=f"emulated drive of CiA 402 ({number})",
        serial=f"{SERIAL + 1:08X}h",
        firmware="3.2.1-r7",
    )
    drive = rig.drives[1]
    assert (drive.get(0x60C2, 1), drive.get(0x60C2, 2)) == (10, -3)
    assert rig.motors.effort_limit_ratio == pytest.approx([0.8] * 4)


def test_opening_again_leaves_the_pdos_alone(rig: Cia402Rig, tap: Tap) -> None:
    rig.arm.open()
    rig.arm.hold()
    rig.arm.close()
    tap.frames.clear()
    rig.arm.open()
    assert not [data for data in tap.data(0) if data.startswith("80")]  # pre-operational, where some drives let go
    assert tap.data(0x77E)  # they drive, and so are told that we live


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


def test_a_travel_beyond_32_bits_is_refused(rig: Cia402Rig) -> None:
    joints = (replace(rig.config.joints[0], home_counts=2**31 - 10), *rig.config.joints[1:])
    with pytest.raises(DeviceError, match=r"drive 1 \(joint_1\) on can0: its travel, .* does not fit into 32 bits"):
        rig.arm_with(joints=joints).open()


def test_a_time_out_shorter_than_two_periods_is_refused(rig: Cia402Rig) -> None:
    with pytest.raises(RefusedError, match="motor_timeout_ms 15 is less than 2 periods of 10 ms"):
        rig.arm_with(motor_timeout_ms=15.0).open()


def test_what_a_drive_does_not_know_is_not_told() -> None:
    rig = Cia402Rig(lacking=frozenset({0x6077, 0x6079}))
    rig.arm.open()
    rig.arm.hold()
    exchange(rig, POSE_RAD)
    state = exchange(rig, POSE_RAD)
    assert np.isnan(state.effort_ratio).all()
    assert np.isnan(state.voltage_v).all()
    assert state.position_rad == pytest.approx(POSE_RAD, abs=rig.resolution_rad)
