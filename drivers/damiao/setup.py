"""What a Damiao motor is asked and told before it may move: ranges, mode, time-out, and how it counts.

    ranges 21-23      must be those of the model in the robot file. They say what the packed numbers mean: with others,
                      positions and torques would be wrong by a factor, and a file that names another model than it is
                      has other limits wrong, too. There is no register of the model; this is the nearest there is
    control mode 10   MIT; written where it is another and the motor does not drive just now
    time-out 9        how long the motor drives on when nobody commands it

Both are written to working memory only, and read back: nothing is saved in the motor, and after a loss of power `hold`
writes them anew. By damiao-motor's guide a written register counts at once; i2rt's tool saves and asks for a power cycle.

The encoder on the output shaft knows its angle within one turn, so whole turns are lost with the power. A joint whose
travel is less than a turn can stand in one way only: the turn nearest to the middle of its travel is taken.
"""

from __future__ import annotations

import math

from drivers.damiao import protocol
from drivers.damiao.bus import DamiaoBus
from drivers.damiao.protocol import RANGES, MotorState, Register
from interfaces.arm_config import DamiaoJoint
from interfaces.device_facts import MotorIdentity
from interfaces.errors import DeviceError

TURN_RAD = 2 * math.pi
NO_SERIAL = frozenset((0, 0xFFFFFFFF))  # memory that nobody wrote
RANGE_TOLERANCE = 1e-4  # registers are single precision


def prepare_motor(bus: DamiaoBus, index: int, joint: DamiaoJoint, motor_timeout_ms: float, state: int) -> None:
    """Check one motor and write its settings; moves nothing. Raises DeviceError saying what does not fit."""
    _check_ranges(bus, index, joint)
    mode = bus.read(index, Register.CONTROL_MODE)
    if mode != protocol.MIT_MODE:
        if state == MotorState.ENABLED:
            raise DeviceError(
                f"{bus.name(index)} drives in control mode {mode}; expected {protocol.MIT_MODE}, MIT; disable it first"
            )
        bus.write(index, Register.CONTROL_MODE, protocol.MIT_MODE)
    timeout = math.ceil(motor_timeout_ms * 1e6 / protocol.TIMEOUT_UNIT_NS)  # 0 is never, and only 0
    if bus.read(index, Register.TIMEOUT) != timeout:
        bus.write(index, Register.TIMEOUT, timeout)


def read_identity(bus: DamiaoBus, index: int, joint: DamiaoJoint) -> MotorIdentity:
    """Return which motor it is; the model is the robot file's, which its ranges agree with, for no register tells it."""
    version, sub_version = bus.read(index, Register.SOFTWARE_VERSION), bus.read(index, Register.SUB_VERSION)
    serial = int(bus.read(index, Register.SERIAL_NUMBER))
    return MotorIdentity(
        joint=joint.name,
        motor_id=joint.motor_id,
        model=joint.model,
        serial="" if serial in NO_SERIAL else f"{serial:08x}",
        firmware=f"{version:.0f}.{sub_version:.0f}",
    )


def offset_rad(joint: DamiaoJoint, reading_rad: float, name: str) -> float:
    """Return the motor's reading at 0 rad of the joint, whole turns included; raises DeviceError where the travel cannot be told.

    reading = offset + direction * angle
    """
    low, high = joint.position_min_rad, joint.position_max_rad
    offset = joint.zero_rad
    if high - low < TURN_RAD:
        middle_rad = offset + joint.direction * (low + high) / 2
        offset += TURN_RAD * round((reading_rad - middle_rad) / TURN_RAD)
    reach_rad = RANGES[joint.model].position_max_rad
    ends = sorted(offset + joint.direction * end for end in (low, high))
    if ends[0] < -reach_rad or ends[1] > reach_rad:
        raise DeviceError(
            f"{name}: its travel, {ends[0]:.2f}..{ends[1]:.2f} rad of the motor, is more than the motor can tell,"
            f" {-reach_rad:g}..{reach_rad:g}; give the motor another zero"
        )
    return offset


def _check_ranges(bus: DamiaoBus, index: int, joint: DamiaoJoint) -> None:
    span = RANGES[joint.model]
    expected = {
        Register.POSITION_MAX: span.position_max_rad,
        Register.VELOCITY_MAX: span.velocity_max_rad_s,
        Register.TORQUE_MAX: span.torque_max_nm,
    }
    for register, value in expected.items():
        own = bus.read(index, register)
        if not math.isclose(own, value, rel_tol=RANGE_TOLERANCE):
            name = register.name.lower().replace("_", " ")
            raise DeviceError(
                f"{bus.name(index)} has a {name} of {own:g}; expected {value:g}, that of a {joint.model}:"
                " another model, or another range was saved in it"
            )
