"""Registers to counts and back, and the fast path of the feedback against the parser."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import feetech_registers as registers
from drivers.feetech_protocol import build_packet
from drivers.feetech_registers import FEEDBACK_BYTES, Register, feedback_frames, from_sign_magnitude, signed_feedback
from interfaces.errors import ProtocolError

IDS = np.array([1, 2, 3], np.uint8)
feedback = st.binary(min_size=FEEDBACK_BYTES, max_size=FEEDBACK_BYTES)


@pytest.mark.parametrize(
    ("register", "value", "encoded"),
    [
        (registers.GOAL_POSITION, 2048, "0008"),
        (registers.GOAL_POSITION, -1, "0180"),
        (registers.HOMING_OFFSET, -2047, "FF0F"),  # the sign is bit 11, not two's complement
        (registers.PRESENT_LOAD, -1000, "E807"),
        (registers.TORQUE_LIMIT, 1000, "E803"),
    ],
)
def test_values_are_sign_and_magnitude_little_endian(register: Register, value: int, encoded: str) -> None:
    assert register.encode(value).hex().upper() == encoded
    assert register.decode(bytes.fromhex(encoded), register.address) == value
    assert register.decode(bytes(register.address) + bytes.fromhex(encoded)) == value


@pytest.mark.parametrize(
    ("register", "value"),
    [(registers.HOMING_OFFSET, 2048), (registers.HOMING_OFFSET, -2048), (registers.LOCK, 256), (registers.LOCK, -1)],
)
def test_a_value_that_does_not_fit_is_refused(register: Register, value: int) -> None:
    with pytest.raises(ProtocolError, match="does not fit"):
        register.encode(value)


@given(st.integers(-32767, 32767))
def test_arrays_decode_as_single_registers_do(value: int) -> None:
    raw = np.frombuffer(registers.PRESENT_VELOCITY.encode(value), "<u2")
    assert from_sign_magnitude(raw, 15).tolist() == [value]


@given(st.lists(feedback, min_size=3, max_size=3))
def test_whole_feedback_is_read_without_a_loop(parameters: list[bytes]) -> None:
    data = b"".join(build_packet(i, 0x20, p) for i, p in zip(IDS.tolist(), parameters, strict=True))
    frames = feedback_frames(data, IDS)
    assert frames is not None
    assert frames["error"].tolist() == [0x20] * 3
    assert frames["position"].tolist() == [int.from_bytes(p[:2], "little") for p in parameters]
    assert frames["temperature"].tolist() == [p[7] for p in parameters]
    signed = (registers.PRESENT_POSITION, registers.PRESENT_VELOCITY)
    # Load has its sign in bit 10; what a servo leaves in the bits above means nothing.
    expected = [[register.decode(p, registers.FEEDBACK_ADDRESS) for p in parameters] for register in signed]
    assert signed_feedback(frames)[:2].tolist() == expected
    loads = [int.from_bytes(p[4:6], "little") for p in parameters]
    assert signed_feedback(frames)[2].tolist() == [-(x & 1023) if x & 1024 else x & 1023 for x in loads]


@given(st.lists(feedback, min_size=3, max_size=3), st.integers(0, 41), st.integers(1, 255))
def test_no_wrong_byte_gets_through_the_fast_path(parameters: list[bytes], i_byte: int, flip: int) -> None:
    data = bytearray(b"".join(build_packet(i, 0, p) for i, p in zip(IDS.tolist(), parameters, strict=True)))
    data[i_byte] ^= flip
    assert feedback_frames(bytes(data), IDS) is None


def test_feedback_of_other_servos_or_of_another_length_is_not_taken() -> None:
    data = b"".join(build_packet(i, 0, bytes(FEEDBACK_BYTES)) for i in (1, 3, 2))
    assert feedback_frames(data, IDS) is None
    assert feedback_frames(data[:-1], IDS) is None
