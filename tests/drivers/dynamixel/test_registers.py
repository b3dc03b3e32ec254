"""The register map against what the e-manual and rustypot say of it, and its numbers."""

from typing import Any

import numpy as np
import pytest

from drivers.dynamixel import registers
from drivers.dynamixel.registers import FEEDBACK_COUNTS, FEEDBACK_END, FEEDBACK_FRAME, MODELS, Register
from interfaces.errors import ProtocolError

# Our names for rustypot's registers of the XL330, whose table is generated from the e-manual.
RUSTYPOTS = {
    "model_number": registers.MODEL_NUMBER,
    "firmware_version": registers.FIRMWARE_VERSION,
    "id": registers.SERVO_ID,
    "baud_rate": registers.BAUD_CODE,
    "return_delay_time": registers.RETURN_DELAY,
    "drive_mode": registers.DRIVE_MODE,
    "operating_mode": registers.OPERATING_MODE,
    "homing_offset": registers.HOMING_OFFSET,
    "temperature_limit": registers.TEMPERATURE_MAX,
    "max_voltage_limit": registers.VOLTAGE_MAX,
    "min_voltage_limit": registers.VOLTAGE_MIN,
    "pwm_limit": registers.PWM_LIMIT,
    "max_position_limit": registers.POSITION_MAX,
    "min_position_limit": registers.POSITION_MIN,
    "shutdown": registers.SHUTDOWN,
    "torque_enable": registers.TORQUE_ENABLE,
    "status_return_level": registers.STATUS_LEVEL,
    "hardware_error_status": registers.HARDWARE_ERROR,
    "bus_watchdog": registers.BUS_WATCHDOG,
    "goal_pwm": registers.GOAL_PWM,
    "profile_acceleration": registers.PROFILE_ACCELERATION,
    "profile_velocity": registers.PROFILE_VELOCITY,
    "goal_position": registers.GOAL_POSITION,
    "realtime_tick": registers.REALTIME_TICK,
    "moving": registers.MOVING,
    "moving_status": registers.MOVING_STATUS,
    "present_pwm": registers.PRESENT_PWM,
    "present_current": registers.PRESENT_EFFORT,
    "present_velocity": registers.PRESENT_VELOCITY,
    "present_position": registers.PRESENT_POSITION,
    "velocity_trajectory": registers.VELOCITY_TRAJECTORY,
    "position_trajectory": registers.POSITION_TRAJECTORY,
    "present_input_voltage": registers.PRESENT_VOLTAGE,
    "present_temperature": registers.PRESENT_TEMPERATURE,
}


@pytest.mark.parametrize("controller", ["Xl330PyController", "Xl430PyController"])
def test_registers_lie_where_rustypot_says(controller: str) -> None:
    rustypot: Any = pytest.importorskip("rustypot")
    theirs = {info.name: (info.addr, info.size) for info in getattr(rustypot, controller).registers()}
    assert {name: (r.address, r.size) for name, r in RUSTYPOTS.items()} == {name: theirs[name] for name in RUSTYPOTS}


def test_the_feedback_is_one_block_as_it_lies_there() -> None:
    fields = {
        "effort": registers.PRESENT_EFFORT,
        "velocity": registers.PRESENT_VELOCITY,
        "position": registers.PRESENT_POSITION,
        "velocity_trajectory": registers.VELOCITY_TRAJECTORY,
        "position_trajectory": registers.POSITION_TRAJECTORY,
        "voltage": registers.PRESENT_VOLTAGE,
        "temperature": registers.PRESENT_TEMPERATURE,
    }
    block = bytes(range(0x81, 0x81 + FEEDBACK_FRAME.itemsize))
    frame = np.frombuffer(block, FEEDBACK_FRAME)[0]
    start = registers.PRESENT_EFFORT.address
    assert {name: int(frame[name]) for name in fields} == {
        name: register.decode(block, start) for name, register in fields.items()
    }
    assert FEEDBACK_END - start == FEEDBACK_FRAME.itemsize


def test_the_counts_to_ask_for_differ_and_begin_at_registers() -> None:
    assert FEEDBACK_COUNTS == (21, 23, 24, 25, 27, 31)
    known = {r.address for r in RUSTYPOTS.values()}
    assert all(FEEDBACK_END - count in known for count in FEEDBACK_COUNTS)


@pytest.mark.parametrize(
    ("register", "value", "octets"),
    [
        (registers.GOAL_POSITION, 2048, "00080000"),
        (registers.PRESENT_VELOCITY, -3, "fdffffff"),
        (registers.PRESENT_EFFORT, -1, "ffff"),
        (registers.PRESENT_VOLTAGE, 119, "7700"),
    ],
)
def test_numbers_are_little_endian_twos_complement(register: Register, value: int, octets: str) -> None:
    assert register.encode(value).hex() == octets
    assert register.decode(bytes(3) + bytes.fromhex(octets), register.address - 3) == value


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ProtocolError, match="256 does not fit into the register at 9"):
        registers.RETURN_DELAY.encode(256)
    with pytest.raises(ProtocolError, match="-1 does not fit"):
        registers.PWM_LIMIT.encode(-1)


def test_hardware_errors_are_named() -> None:
    assert registers.hardware_error_names(0x25) == "voltage, overheating, overload"
    assert registers.hardware_error_names(0x10) == "electrical shock"
    assert registers.hardware_error_names(0x42) == "unknown bits 0x42"


def test_models_of_the_koch_and_the_viperx() -> None:
    assert {MODELS[number].name for number in (1060, 1200, 1020, 1120)} == {
        "XL430-W250",
        "XL330-M288",
        "XM430-W350",
        "XM540-W270",
    }
    assert all(0 < model.effort_full <= 2352 for model in MODELS.values())
