"""Frame lengths against an independent bit by bit account, and the budget that eight motors at 500 Hz do not keep."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.can.load import can_budget, crc15, frame_bits, frame_bits_max, frame_bits_min
from drivers.can.port import CanFrame
from interfaces.arm_config import ArmConfig, DamiaoJoint
from interfaces.errors import RefusedError

N_FIXED = len("1011111111111")  # delimiter of the CRC, acknowledged slot and its delimiter, end, interframe space


@st.composite
def frames(draw: st.DrawFn) -> CanFrame:
    """Any classic frame."""
    extended = draw(st.booleans())
    can_id = draw(st.integers(0, 2**29 - 1 if extended else 2**11 - 1))
    return CanFrame(can_id, draw(st.binary(max_size=8)), extended=extended, remote=draw(st.booleans()))


def written_out(frame: CanFrame) -> str:
    """The bits of a frame as ISO 11898-1 lists them, from its start to the end of its data."""
    rtr, dlc = str(int(frame.remote)), f"{len(frame.data):04b}"
    data = "" if frame.remote else "".join(f"{byte:08b}" for byte in frame.data)
    if not frame.extended:
        return "0" + f"{frame.can_id:011b}" + rtr + "0" + "0" + dlc + data
    base, extension = f"{frame.can_id:029b}"[:11], f"{frame.can_id:029b}"[11:]
    return "0" + base + "1" + "1" + extension + rtr + "0" + "0" + dlc + data


def remainder(bits: str) -> str:
    """The CRC by long division, with the polynomial of the standard written out (x15 + x14 + x10 + x8 + x7 + x4 + x3 + 1)."""
    divisor = "".join("1" if power in {15, 14, 10, 8, 7, 4, 3, 0} else "0" for power in range(15, -1, -1))
    rest = list(bits + "0" * 15)
    for start in range(len(bits)):
        if rest[start] == "1":
            for offset, digit in enumerate(divisor):
                rest[start + offset] = "0" if rest[start + offset] == digit else "1"
    return "".join(rest[-15:])


def stuffed(bits: str) -> str:
    """The bits with the stuff bits in their places."""
    out = ""
    for bit in bits:
        out += bit
        if out[-5:] in {"00000", "11111"}:
            out += "1" if bit == "0" else "0"
    return out


@settings(deadline=None)
@given(frames())
def test_the_length_is_that_of_the_frame_written_out(frame: CanFrame) -> None:
    bits = written_out(frame)
    on_the_wire = stuffed(bits + remainder(bits))
    assert frame_bits(frame) == len(on_the_wire) + N_FIXED
    # What stuffing is for; a sixth bit alike would be an error frame.
    assert max(len(list(run)) for _, run in groupby(on_the_wire)) <= 5


@settings(deadline=None)
@given(frames())
def test_the_length_lies_between_the_bounds(frame: CanFrame) -> None:
    n_data = 0 if frame.remote else len(frame.data)
    least, most = (bound(n_data, extended=frame.extended) for bound in (frame_bits_min, frame_bits_max))
    assert least <= frame_bits(frame) <= most


def test_the_published_lengths() -> None:
    """Of frames with 8 bytes: 111 to 135 bits, extended 131 to 160 (Davis, Burns, Bril and Lukkien 2007, equations 1 and 2)."""
    assert (frame_bits_min(8), frame_bits_max(8)) == (111, 135)
    assert (frame_bits_min(8, extended=True), frame_bits_max(8, extended=True)) == (131, 160)
    assert (frame_bits_min(0), frame_bits_max(0)) == (47, 55)


def test_the_published_check_value_of_the_checksum() -> None:
    """CRC-15/CAN in the catalogue of parametrised CRC algorithms (reveng): 0x059e over the digits 1 to 9."""
    assert crc15(int.from_bytes(b"123456789", "big"), 72) == 0x059E


def test_alternating_bits_need_few_stuff_bits_and_equal_ones_many() -> None:
    assert frame_bits(CanFrame(0x555, b"\x55" * 8)) < frame_bits(CanFrame(0, bytes(8)))


def arm(n_joints: int, rate_hz: float) -> ArmConfig:
    joint = DamiaoJoint(
        name="joint",
        direction=1,
        position_min_rad=-1,
        position_max_rad=1,
        velocity_max_rad_s=1,
        acceleration_max_rad_s2=1,
        jerk_max_rad_s3=1,
        effort_max_ratio=1,
        effort_fault_ratio=1,
        rest_rad=0,
        model="DM4310",
        motor_id=1,
        feedback_id=0x11,
        zero_rad=0,
        stiffness_nm_rad=10,
        damping_nm_s_rad=1,
    )
    return ArmConfig(
        driver="damiao",
        port="can0",
        baud_hz=1_000_000,
        rate_hz=rate_hz,
        temperature_max_degc=80,
        voltage_min_v=0,
        limit_patience_ms=100,
        joints=tuple(replace(joint, name=f"joint {i}", motor_id=1 + i, feedback_id=0x11 + i) for i in range(n_joints)),
    )


def test_eight_motors_at_500_hz_do_not_fit_and_the_reason_is_said() -> None:
    budget = can_budget({8: 16}, arm(8, 500))
    assert budget.busy_ns == 16 * 135 * 1000
    assert budget.ratio == pytest.approx(1.08)
    reason = (
        "can0: one cycle takes 2.16 ms on the wire (frames: 16 of 8 bytes; 2160 bits at most at 1 Mbit/s), 108% of the"
        " 2.00 ms of 500 Hz; at most 70% leaves room for losses: lower arm.rate_hz to 324 or less, or raise the rate of the bus"
    )
    with pytest.raises(RefusedError, match=re.escape(reason)):
        budget.require_fit("can0")


def test_seven_motors_at_250_hz_fit() -> None:
    budget = can_budget({8: 14}, arm(7, 250))
    assert budget.ratio == pytest.approx(0.4725)
    budget.require_fit("can0")


def test_frames_of_several_lengths_add_up() -> None:
    budget = can_budget({6: 7, 8: 7, 0: 1}, arm(7, 250))
    assert budget.busy_ns == 1000 * (7 * frame_bits_max(6) + 7 * 135 + frame_bits_max(0))
    assert budget.made_of == "frames: 7 of 6 bytes, 7 of 8 bytes, 1 of 0 bytes; 1805 bits at most at 1 Mbit/s"
