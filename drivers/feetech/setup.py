"""What a servo is asked and told before it may move: model, mode, travel, and the settings the driver relies on.

EEPROM, written only where it differs, unlocked for that and locked again, and read back:

    return delay 0        the shortest; the factory's 500 us a servo would halve the rate of the bus
    status level 1        every order is answered: nobody speaks while a write is underway
    position limits       widened to the robot file's travel where they would clip it in silence; never narrowed

The homing offset is read and allowed for, never written: `home_ticks` of the robot file is a reading of the bare encoder, so
a calibration that another program left in the servo changes nothing.

Working memory, written every time: torque limit from `effort_max_ratio`; acceleration, goal time and goal speed such that
the servo follows at once, without a profile of its own (the limits of motion are the gate's).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from drivers.feetech import protocol, registers
from drivers.feetech.bus import FeetechBus
from drivers.feetech.models import ServoModel
from drivers.feetech.registers import RAD_PER_TICK, TICKS_MAX, TICKS_PER_TURN, Register
from interfaces.arm_config import FeetechJoint
from interfaces.device_facts import MotorIdentity
from interfaces.errors import DeviceError

POSITION_MODE = 0
RETURN_DELAY_SHORTEST = 0
ANSWER_EVERYTHING = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServoFrame:
    """How one servo counts, and how that is turned into radians of its joint and back."""

    direction: int
    home_ticks: float  # present position at 0 rad, the servo's homing offset taken off
    position_min_ticks: int  # the servo clips goals to this
    position_max_ticks: int
    velocity_ticks_s: int  # worth of one count of velocity
    identity: MotorIdentity

    def to_ticks(self, position_rad: float) -> int:
        """Return the position nearest to an angle that the encoder has."""
        ticks = round(self.home_ticks + self.direction * position_rad / RAD_PER_TICK)
        return min(TICKS_MAX, max(0, ticks))

    def to_rad(self, position_ticks: int) -> float:
        """Return the angle of a position."""
        return self.direction * (position_ticks - self.home_ticks) * RAD_PER_TICK

    def to_rad_s(self, velocity_counts: int) -> float:
        """Return a velocity."""
        return self.direction * velocity_counts * self.velocity_ticks_s * RAD_PER_TICK


def prepare_servo(bus: FeetechBus, joint: FeetechJoint, model: ServoModel) -> ServoFrame:
    """Check one servo and write its settings; moves nothing. Raises DeviceError saying what does not fit."""
    name = bus.name(joint.servo_id)
    eeprom = bus.read(joint.servo_id, 0, registers.EEPROM_BYTES)
    phase = check_counting(name, eeprom)
    home_ticks = _counted_home(joint, registers.HOMING_OFFSET.decode(eeprom))
    low, high = _travel_ticks(joint, home_ticks, name)
    position_min = min(low, registers.POSITION_MIN.decode(eeprom))
    position_max = max(high, registers.POSITION_MAX.decode(eeprom))
    wanted = {
        registers.STATUS_LEVEL: ANSWER_EVERYTHING,
        registers.RETURN_DELAY: RETURN_DELAY_SHORTEST,
        registers.POSITION_MIN: position_min,
        registers.POSITION_MAX: position_max,
    }
    _write_eeprom(bus, joint.servo_id, {r: value for r, value in wanted.items() if r.decode(eeprom) != value})
    _write_motion(bus, joint, fastest=0 if phase & registers.PHASE_ZERO_IS_FASTEST else model.speed_max_ticks_s)
    return ServoFrame(
        direction=joint.direction,
        home_ticks=home_ticks,
        position_min_ticks=position_min,
        position_max_ticks=position_max,
        velocity_ticks_s=1 if phase & registers.PHASE_FINE_VELOCITY else registers.COARSE_VELOCITY_TICKS_S,
        identity=read_identity(joint, model, eeprom),
    )


def check_counting(name: str, eeprom: bytes) -> int:
    """Return the servo's phase; raises DeviceError where it does not count positions of a single turn."""
    mode, phase = registers.OPERATING_MODE.decode(eeprom), registers.PHASE.decode(eeprom)
    if mode != POSITION_MODE:
        raise DeviceError(f"{name} is in operating mode {mode}; expected {POSITION_MODE}, position")
    if phase & registers.PHASE_MANY_TURNS:
        raise DeviceError(f"{name} counts positions over many turns (phase {phase}); expected a single turn")
    return phase


def read_identity(joint: FeetechJoint, model: ServoModel, eeprom: bytes) -> MotorIdentity:
    """Return which servo it is, from its EEPROM; these servos have no serial number."""
    return MotorIdentity(
        joint=joint.name,
        motor_id=joint.servo_id,
        model=model.name,
        firmware=f"{registers.FIRMWARE_MAJOR.decode(eeprom)}.{registers.FIRMWARE_MINOR.decode(eeprom)}",
        homing_offset=registers.HOMING_OFFSET.decode(eeprom),
    )


def _counted_home(joint: FeetechJoint, homing_offset: int) -> float:
    """Return the position at 0 rad on the turn in which the middle of the travel is counted: 0 rad itself may lie outside."""
    home_ticks = joint.home_ticks - homing_offset
    middle_rad = (joint.position_min_rad + joint.position_max_rad) / 2
    turns = (home_ticks + joint.direction * middle_rad / RAD_PER_TICK) // TICKS_PER_TURN
    return home_ticks - turns * TICKS_PER_TURN


def _travel_ticks(joint: FeetechJoint, home_ticks: float, name: str) -> tuple[int, int]:
    ends = [
        home_ticks + joint.direction * end / RAD_PER_TICK for end in (joint.position_min_rad, joint.position_max_rad)
    ]
    low, high = math.floor(min(ends)), math.ceil(max(ends))
    if low < 0 or high > TICKS_MAX:
        raise DeviceError(
            f"{name}: its travel, {low}..{high} ticks, crosses the seam of the encoder, 0..{TICKS_MAX};"
            " give the servo another homing offset"
        )
    return low, high


def _write_eeprom(bus: FeetechBus, servo_id: int, changes: dict[Register, int]) -> None:
    if registers.STATUS_LEVEL in changes:  # until this is done, writes are not answered
        for register, value in ((registers.LOCK, 0), (registers.STATUS_LEVEL, ANSWER_EVERYTHING)):
            bus.tell(protocol.write(servo_id, register.address, register.encode(value)))
    if changes:
        bus.write(servo_id, registers.LOCK, 0)
        for register, value in changes.items():
            bus.write(servo_id, register, value)
    bus.write(servo_id, registers.LOCK, 1)


def _write_motion(bus: FeetechBus, joint: FeetechJoint, *, fastest: int) -> None:
    torque_limit = round(joint.effort_max_ratio / registers.RATIO_PER_COUNT)
    settings = {
        registers.ACCELERATION: 0,
        registers.GOAL_TIME: 0,
        registers.GOAL_SPEED: fastest,
        registers.TORQUE_LIMIT: torque_limit,
    }
    for register, value in settings.items():
        bus.write(joint.servo_id, register, value)
