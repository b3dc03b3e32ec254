"""What a Dynamixel X servo is asked and told before it may move: model, modes, travel, and the settings the driver relies on.

Refused, because only a person can know what was meant: another operating mode than position (3), also the multi-turn ones (4
and 5), whose limits the servo does not keep; the reverse mode (`direction` of the robot file does the same); a slave of
another servo; and torque that a goal turns on, for a servo that lost its power would be switched on and jump.

EEPROM, written only where it differs, only while torque is off (the servo locks it otherwise), and read back:

    return delay 0        the shortest; the factory's 500 us a servo would halve the rate of the bus
    position limits       widened to the robot file's travel, beyond which the servo ignores goals; never narrowed

The homing offset is read and allowed for, never written: `home_ticks` of the robot file is a reading with no offset, so a
calibration that another program left in the servo changes nothing.

Working memory, written at `open` and again at `hold`, for it goes with the power: status level 2, so that a write that got
lost is noticed (the goals of a cycle are sync writes, which nobody answers at any level); no profile of the servo's own (the
limits of motion are the gate's); goal PWM from `effort_max_ratio`, in position mode the largest PWM that the servo uses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from drivers.dynamixel import protocol, registers
from drivers.dynamixel.bus import DynamixelBus, check_kept
from drivers.dynamixel.registers import RAD_PER_TICK, TICKS_MAX, DriveMode, Model, Register
from interfaces.arm_config import DynamixelJoint
from interfaces.errors import BusTimeoutError, DeviceError, RefusedError

POSITION_MODE = 3
MODE_NAMES = {0: "current", 1: "velocity", 4: "extended position", 5: "current-based position", 16: "PWM"}
RETURN_DELAY_SHORTEST = 0
ANSWER_EVERYTHING = 2
REFUSED_DRIVE_MODES = {
    DriveMode.REVERSE: "reversed; clear bit 0 of its drive mode, and turn `direction` of the joint instead",
    DriveMode.SLAVE: "a slave of another servo, and follows no goals",
    DriveMode.TORQUE_BY_GOAL: "switched on by any goal; clear bit 3 of its drive mode",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServoFrame:
    """How one servo counts: what the driver needs to tell its counts from SI units."""

    model: Model
    home_ticks: float  # present position at 0 rad, with the servo's homing offset
    position_min_ticks: int  # the servo ignores goals beyond
    position_max_ticks: int
    goal_pwm: int
    homing_offset: int  # what the servo keeps, heeded or not


def prepare_servo(bus: DynamixelBus, joint: DynamixelJoint, model: Model) -> ServoFrame:
    """Check one servo and write its settings; moves nothing. Raises DeviceError saying what does not fit."""
    servo_id, name = joint.servo_id, bus.name(joint.servo_id)
    make_answer(bus, servo_id)
    check_modes(bus, servo_id)
    limits = bus.read(servo_id, registers.POSITION_MAX.address, 8)
    offset = bus.read_register(servo_id, registers.HOMING_OFFSET)
    # In position mode the servo itself takes no notice of larger ones.
    home_ticks = joint.home_ticks + (offset if abs(offset) <= registers.HOMING_OFFSET_VALID else 0)
    low, high = _travel_ticks(joint, home_ticks, name)
    kept_min = registers.POSITION_MIN.decode(limits, registers.POSITION_MAX.address)
    kept_max = registers.POSITION_MAX.decode(limits, registers.POSITION_MAX.address)
    frame = ServoFrame(
        model=model,
        home_ticks=home_ticks,
        position_min_ticks=min(low, kept_min),
        position_max_ticks=max(high, kept_max),
        goal_pwm=_goal_pwm(bus, joint),
        homing_offset=offset,
    )
    wanted = {
        registers.RETURN_DELAY: (bus.read_register(servo_id, registers.RETURN_DELAY), RETURN_DELAY_SHORTEST),
        registers.POSITION_MIN: (kept_min, frame.position_min_ticks),
        registers.POSITION_MAX: (kept_max, frame.position_max_ticks),
    }
    _write_eeprom(bus, servo_id, {register: value for register, (kept, value) in wanted.items() if kept != value})
    # A servo that stopped by its bus watchdog takes no goals, goal PWM included, until `hold` ends that.
    if bus.read_register(servo_id, registers.BUS_WATCHDOG) != registers.WATCHDOG_TRIPPED:
        write_motion(bus, servo_id, frame)
    return frame


def write_motion(bus: DynamixelBus, servo_id: int, frame: ServoFrame) -> None:
    """Write what a servo forgets when its power goes."""
    settings = {
        registers.STATUS_LEVEL: ANSWER_EVERYTHING,
        registers.PROFILE_ACCELERATION: 0,
        registers.PROFILE_VELOCITY: 0,
        registers.GOAL_PWM: frame.goal_pwm,
    }
    for register, value in settings.items():
        bus.write(servo_id, register, value)
    check_kept(bus, servo_id, registers.GOAL_PWM, frame.goal_pwm)


def check_hardware(bus: DynamixelBus, servo_id: int) -> None:
    """Raise DeviceError where something is wrong with a servo itself, saying what and what ends it."""
    status = bus.read_register(servo_id, registers.HARDWARE_ERROR)
    if status:
        raise DeviceError(describe_hardware_error(bus.name(servo_id), status))


def describe_hardware_error(name: str, status: int) -> str:
    """Return what is wrong with a servo itself, and the remedy, for people."""
    return (
        f"{name} reports a hardware error, {registers.hardware_error_names(status)}: remove the cause, then reboot it or"
        " switch its power off and on; where it shut itself down it stays limp until then"
    )


def make_answer(bus: DynamixelBus, servo_id: int) -> None:
    """Let a servo answer writes, too."""
    level = registers.STATUS_LEVEL
    try:
        silent = bus.read_register(servo_id, level) != ANSWER_EVERYTHING
    except BusTimeoutError:  # level 0: nothing but a ping is answered
        silent = True
    if silent:
        bus.tell(protocol.write(servo_id, level.address, level.encode(ANSWER_EVERYTHING)))
        check_kept(bus, servo_id, level, ANSWER_EVERYTHING)


def check_modes(bus: DynamixelBus, servo_id: int) -> None:
    """Raise DeviceError for a servo that is not in position mode, or whose drive mode is none that can be driven."""
    name = bus.name(servo_id)
    mode = bus.read_register(servo_id, registers.OPERATING_MODE)
    if mode != POSITION_MODE:
        known = MODE_NAMES.get(mode, "unknown")
        raise DeviceError(f"{name} is in operating mode {mode}, {known}; expected {POSITION_MODE}, position")
    drive_mode = bus.read_register(servo_id, registers.DRIVE_MODE)
    for bit, meaning in REFUSED_DRIVE_MODES.items():
        if drive_mode & bit:
            raise DeviceError(f"{name} is {meaning} (drive mode {drive_mode})")


def _goal_pwm(bus: DynamixelBus, joint: DynamixelJoint) -> int:
    limit = bus.read_register(joint.servo_id, registers.PWM_LIMIT)
    return min(limit, round(joint.effort_max_ratio * registers.PWM_FULL))


def _travel_ticks(joint: DynamixelJoint, home_ticks: float, name: str) -> tuple[int, int]:
    ends = [
        home_ticks + joint.direction * end / RAD_PER_TICK for end in (joint.position_min_rad, joint.position_max_rad)
    ]
    low, high = math.floor(min(ends)), math.ceil(max(ends))
    if low < 0 or high > TICKS_MAX:
        raise DeviceError(
            f"{name}: its travel, {low}..{high} ticks, crosses the seam of the encoder, 0..{TICKS_MAX};"
            " give the servo another homing offset, or turn its horn"
        )
    return low, high


def _write_eeprom(bus: DynamixelBus, servo_id: int, changes: dict[Register, int]) -> None:
    if changes and bus.read_register(servo_id, registers.TORQUE_ENABLE):
        addresses = ", ".join(str(register.address) for register in changes)
        raise RefusedError(
            f"{bus.name(servo_id)}: its settings at {addresses} have to be changed, and it holds with its torque on;"
            " support the arm and release it first"
        )
    for register, value in changes.items():
        bus.write(servo_id, register, value)
        check_kept(bus, servo_id, register, value)
