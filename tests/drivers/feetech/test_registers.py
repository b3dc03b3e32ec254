"""Registers to counts and back."""

import pytest

from drivers.feetech import registers
from drivers.feetech.registers import Register
from interfaces.errors import ProtocolError


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
