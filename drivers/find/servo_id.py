"""Giving a servo another id: the one thing a new arm needs before it can be built, and the one that must not go half way.

Exactly one servo may be on the line, which the caller has looked at: ids are all that tells servos apart, and the factory gives
all the same. Torque goes off first (a Dynamixel's EEPROM is locked while it is on, and nobody should be held by a servo that
changes its name), a Feetech's EEPROM is unlocked and locked again, and the servo must answer to the new id, and not to the old.
"""

from __future__ import annotations

from drivers.dynamixel import protocol as dynamixel_protocol
from drivers.dynamixel import registers as dynamixel
from drivers.feetech import protocol as feetech_protocol
from drivers.feetech import registers as feetech
from drivers.find import dynamixel as find_dynamixel
from drivers.find import feetech as find_feetech
from drivers.find.servos import ANSWER_WAIT_NS, ATTEMPTS, FoundServo, ServoFamily, ServoLine
from interfaces.errors import BusTimeoutError, DeviceError, RefusedError

_ANSWER_BYTES = 16  # to a write; more than either family's


def require_new_id(servo: FoundServo, family: ServoFamily, new_id: int) -> None:
    """Raise RefusedError where a servo cannot have that id, or is none whose registers are known."""
    if new_id not in family.ids:
        raise RefusedError(f"id {new_id}: ids of {family.label} servos are {family.ids[0]}..{family.ids[-1]}")
    if not servo.known:
        raise RefusedError(
            f"servo {servo.servo_id} is {servo.model}, whose registers are not known here: use its maker's own tool"
        )


def set_servo_id(line: ServoLine, family: ServoFamily, servo: FoundServo, new_id: int) -> FoundServo:
    """Return the servo as it answers under its new id, which it keeps over the power.

    Raises BusTimeoutError where it does not answer, and DeviceError where it did not take the id.
    """
    line.call(family)  # learns whether the adapter echoes
    old_id = servo.servo_id
    if servo.family == "feetech":
        _set_feetech(line, family, old_id, new_id)
    else:
        _set_dynamixel(line, family, old_id, new_id)
    renamed = family.describe(line, new_id)
    if renamed is None:
        raise DeviceError(f"servo {old_id} does not answer to its new id {new_id}; look for it with `forerun devices`")
    if renamed.model != servo.model:
        raise DeviceError(f"what answers to id {new_id} is {renamed.model}; the servo was {servo.model}")
    if old_id != new_id and any(old_id in line.who_answers(family, old_id) for _ in range(ATTEMPTS)):
        raise DeviceError(f"a servo still answers to the old id {old_id}: were there two on the line?")
    return renamed


def _rename(line: ServoLine, family: ServoFamily, order: bytes, new_id: int) -> None:
    """Send the order until the new id answers: by which id the order itself is answered is nowhere written."""
    for _ in range(ATTEMPTS):
        line.ask(order, _ANSWER_BYTES, ANSWER_WAIT_NS)
        if new_id in family.pinged(line.ask(family.ping(new_id), family.ping_answer_bytes)):
            return
    raise DeviceError(f"nobody answers to the new id {new_id}; look for the servo with `forerun devices`")


def _set_feetech(line: ServoLine, family: ServoFamily, old_id: int, new_id: int) -> None:
    for register, value in ((feetech.TORQUE_ENABLE, 0), (feetech.LOCK, 0)):
        _write_feetech(line, old_id, register, value)
    order = feetech_protocol.write(old_id, feetech.SERVO_ID.address, feetech.SERVO_ID.encode(new_id))
    _rename(line, family, order, new_id)
    _write_feetech(line, new_id, feetech.LOCK, 1)
    _check(new_id, find_feetech.read_memory(line, new_id, feetech.SERVO_ID.address, 1), new_id)


def _write_feetech(line: ServoLine, servo_id: int, register: feetech.Register, value: int) -> None:
    """Write one register until it reads so."""
    for _ in range(ATTEMPTS):
        line.ask(
            feetech_protocol.write(servo_id, register.address, register.encode(value)), _ANSWER_BYTES, ANSWER_WAIT_NS
        )
        told = find_feetech.read_memory(line, servo_id, register.address, register.size)
        if told is not None and register.decode(told[0], register.address) == value:
            return
    raise BusTimeoutError(f"servo {servo_id}: register {register.address} could not be set to {value}")


def _set_dynamixel(line: ServoLine, family: ServoFamily, old_id: int, new_id: int) -> None:
    torque = dynamixel.TORQUE_ENABLE
    for _ in range(ATTEMPTS):
        line.ask(dynamixel_protocol.write(old_id, torque.address, torque.encode(0)), _ANSWER_BYTES, ANSWER_WAIT_NS)
        told = find_dynamixel.read_memory(line, old_id, torque.address, torque.size)
        if told is not None and torque.decode(told[0], torque.address) == 0:
            break
    else:
        raise BusTimeoutError(f"servo {old_id}: torque could not be switched off")
    servo_id = dynamixel.SERVO_ID
    order = dynamixel_protocol.write(old_id, servo_id.address, servo_id.encode(new_id))
    _rename(line, family, order, new_id)
    _check(new_id, find_dynamixel.read_memory(line, new_id, servo_id.address, 1), new_id)


def _check(servo_id: int, told: tuple[bytes, int] | None, expected: int) -> None:
    if told is None or told[0][0] != expected:
        raise DeviceError(f"servo {servo_id} reads id {told[0][0] if told else 'nothing'}; expected {expected}")
