"""Frames and words of CANopen drives: what the cycle of CiA 402 needs, values to frames and back, no input or output.

    000            NMT: command, node             700 + node     heartbeat: NMT state (0 once, after a start)
    080            SYNC                           080 + node     EMCY: error code u16, register u8, 5 bytes of the maker
    200 + node     RPDO 1: controlword u16, target position i32
    180 + node     TPDO 1: statusword u16, position i32, and, where the drive knows it, torque i16
    280 + node     TPDO 2: velocity i32, mode of operation i8
    380 + node     TPDO 3: voltage of the DC link u32, where the drive knows it; seldom
    600 + node     SDO question, answered at 580 + node

All little endian. Positions are counts of the drive, velocities counts/s, torques per mille of the motor's rated torque.

Sources: CiA 301 (NMT, SYNC, EMCY, heartbeat, PDO, SDO); CiA 402-2 / IEC 61800-7-201 (state machine, objects, error codes).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum, IntEnum

from drivers.can.port import CanFrame
from interfaces.errors import ProtocolError

NMT, SYNC, EMCY = 0x000, 0x080, 0x080
TPDO_1, RPDO_1, TPDO_2, TPDO_3 = 0x180, 0x200, 0x280, 0x380
SDO_ANSWER, SDO_QUESTION, HEARTBEAT = 0x580, 0x600, 0x700
NODE_MASK = 0x7F
CSP = 8  # cyclic synchronous position, a mode of operation
CSP_SUPPORTED = 1 << 7  # of object 6502h
FOLLOWS_TARGET = 1 << 12  # of the statusword, in this mode
SDO_UPLOAD = 0x40
COUNTS_MAX = 2**31 - 1

_TARGET = struct.Struct("<Hi")
_STATUS = struct.Struct("<Hi")
_STATUS_TORQUE = struct.Struct("<Hih")
_MOTION = struct.Struct("<ib")
_VOLTAGE = struct.Struct("<I")
_EMERGENCY = struct.Struct("<HB5s")
_MULTIPLEXOR = struct.Struct("<HB")


class NmtCommand(IntEnum):
    """What a node is told to become."""

    OPERATIONAL = 0x01
    STOPPED = 0x02
    PRE_OPERATIONAL = 0x80
    RESET = 0x81
    RESET_COMMUNICATION = 0x82


class NmtState(IntEnum):
    """What a node says it is, in its heartbeat."""

    STARTED = 0  # just now; pre-operational from here on
    STOPPED = 4
    OPERATIONAL = 5
    PRE_OPERATIONAL = 127


class PowerState(Enum):
    """The states of a drive: mask and value of its statusword."""

    NOT_READY_TO_SWITCH_ON = (0x4F, 0x00)
    SWITCH_ON_DISABLED = (0x4F, 0x40)
    READY_TO_SWITCH_ON = (0x6F, 0x21)
    SWITCHED_ON = (0x6F, 0x23)
    OPERATION_ENABLED = (0x6F, 0x27)
    QUICK_STOP_ACTIVE = (0x6F, 0x07)
    FAULT_REACTION_ACTIVE = (0x4F, 0x0F)
    FAULT = (0x4F, 0x08)

    @property
    def words(self) -> str:
        """Return the state as the standard calls it."""
        return self.name.lower().replace("_", " ")


class Controlword(IntEnum):
    """The commands of the state machine."""

    DISABLE_VOLTAGE = 0x00
    QUICK_STOP = 0x02
    SHUTDOWN = 0x06
    SWITCH_ON = 0x07
    ENABLE_OPERATION = 0x0F
    FAULT_RESET = 0x80  # on its rising edge

    @property
    def words(self) -> str:
        """Return the command as the standard calls it."""
        return self.name.lower().replace("_", " ")


# The next command on the way to operation enabled; a fault is reset apart from this.
TOWARDS_ENABLED = {
    PowerState.NOT_READY_TO_SWITCH_ON: Controlword.DISABLE_VOLTAGE,
    PowerState.SWITCH_ON_DISABLED: Controlword.SHUTDOWN,
    PowerState.READY_TO_SWITCH_ON: Controlword.SWITCH_ON,
    PowerState.SWITCHED_ON: Controlword.ENABLE_OPERATION,
    PowerState.OPERATION_ENABLED: Controlword.ENABLE_OPERATION,
    PowerState.QUICK_STOP_ACTIVE: Controlword.DISABLE_VOLTAGE,
    PowerState.FAULT_REACTION_ACTIVE: Controlword.DISABLE_VOLTAGE,
    PowerState.FAULT: Controlword.DISABLE_VOLTAGE,
}
DRIVING = frozenset({PowerState.OPERATION_ENABLED, PowerState.QUICK_STOP_ACTIVE, PowerState.FAULT_REACTION_ACTIVE})

# Object 603Fh, and the code of an EMCY frame: the longest match of leading digits counts.
ERROR_TEXTS = {
    "1": "general error",
    "2": "current",
    "2310": "continuous over-current",
    "2320": "short circuit or earth leakage",
    "3": "voltage",
    "3210": "DC link over-voltage",
    "3220": "DC link under-voltage",
    "4": "temperature",
    "4210": "device too hot",
    "4310": "drive too hot",
    "5": "hardware of the device",
    "6": "software of the device",
    "7": "additional modules",
    "71": "power stage, brake or motor",
    "7121": "motor blocked",
    "73": "sensor",
    "7305": "incremental encoder 1",
    "8": "monitoring",
    "81": "communication",
    "8120": "CAN error passive",
    "8130": "heartbeat lost",
    "8140": "recovered from bus-off",
    "82": "protocol",
    "8250": "RPDO time-out",
    "8611": "following error",
    "90": "external error",
    "F": "additional functions",
    "FF": "the maker's own",
}


@dataclass(frozen=True, slots=True)
class Emergency:
    """An EMCY frame; code 0 says that errors are gone."""

    code: int
    register: int
    detail: bytes


def error_text(code: int) -> str:
    """Return an error code, for people: "3210h (DC link over-voltage)"."""
    digits = f"{code:04X}"
    known = (ERROR_TEXTS[digits[:n]] for n in range(4, 0, -1) if digits[:n] in ERROR_TEXTS)
    return f"{digits}h ({next(known, 'unknown')})" if code else "no error code"


def power_state(statusword: int) -> PowerState:
    """Return the state in a statusword; raises ProtocolError where it is none."""
    for state in PowerState:
        mask, value = state.value
        if statusword & mask == value:
            return state
    raise ProtocolError(f"statusword {statusword:#06x} is no state of a drive")


def nmt(command: NmtCommand, node_id: int) -> CanFrame:
    """Return the order to a node, 0 for all, to change its NMT state."""
    return CanFrame(NMT, bytes((command, node_id)))


def sync() -> CanFrame:
    """Return what makes all drives take their targets, and tell where they are."""
    return CanFrame(SYNC)


def heartbeat(node_id: int) -> CanFrame:
    """Return our own sign of life."""
    return CanFrame(HEARTBEAT + node_id, bytes((NmtState.OPERATIONAL,)))


def target(node_id: int, controlword: int, counts: int) -> CanFrame:
    """Return RPDO 1: a command, and the position to be at when the next SYNC but one comes."""
    if not -COUNTS_MAX - 1 <= counts <= COUNTS_MAX:
        raise ProtocolError(f"position {counts} does not fit into 32 bits")
    return CanFrame(RPDO_1 + node_id, _TARGET.pack(controlword, counts))


def sdo_question(node_id: int, index: int, subindex: int) -> CanFrame:
    """Return the question for one object."""
    return CanFrame(SDO_QUESTION + node_id, bytes((SDO_UPLOAD,)) + _MULTIPLEXOR.pack(index, subindex) + bytes(4))


def sdo_subject(data: bytes) -> tuple[int, int]:
    """Return which object an answer, or an abort, is about."""
    if len(data) != 8:
        raise ProtocolError(f"an SDO answer of {len(data)} bytes; it has 8")
    index, subindex = _MULTIPLEXOR.unpack_from(data, 1)
    return index, subindex


def decode_status(data: bytes) -> tuple[int, int, int | None]:
    """Return statusword, position (counts) and torque (per mille of rated; None where it is not told) of TPDO 1."""
    if len(data) == _STATUS_TORQUE.size:
        return _STATUS_TORQUE.unpack(data)
    statusword, counts = _STATUS.unpack(_exactly(data, _STATUS.size, "TPDO 1"))
    return statusword, counts, None


def decode_motion(data: bytes) -> tuple[int, int]:
    """Return velocity (counts/s) and mode of operation of TPDO 2."""
    velocity, mode = _MOTION.unpack(_exactly(data, _MOTION.size, "TPDO 2"))
    return velocity, mode


def decode_millivolts(data: bytes) -> int:
    """Return the voltage of the DC link, from TPDO 3."""
    (millivolts,) = _VOLTAGE.unpack(_exactly(data, _VOLTAGE.size, "TPDO 3"))
    return millivolts


def decode_emergency(data: bytes) -> Emergency:
    """Return what an EMCY frame says."""
    return Emergency(*_EMERGENCY.unpack(_exactly(data, _EMERGENCY.size, "an EMCY frame")))


def decode_heartbeat(data: bytes) -> NmtState:
    """Return the NMT state in a heartbeat; raises ProtocolError where it is none."""
    state = _exactly(data, 1, "a heartbeat")[0] & 0x7F
    if state not in set(NmtState):
        raise ProtocolError(f"NMT state {state} in a heartbeat")
    return NmtState(state)


def interpolation_period(period_ns: int) -> tuple[int, int]:
    """Return object 60C2h, (units, power of ten) in seconds: exact where 8 bits of units allow, else the nearest."""
    candidates = [(max(1, round(period_ns * 10.0 ** (-9 - power))), power) for power in (-3, -4, -5, -6)]
    fitting = [(units, power) for units, power in candidates if units <= 255]
    if not fitting:
        raise ProtocolError(f"a period of {period_ns * 1e-6:g} ms is too long for a drive; 255 ms is the longest")
    exact = [(units, power) for units, power in fitting if abs(units * 10.0 ** (power + 9) - period_ns) < 1]
    return exact[0] if exact else fitting[-1]


def heartbeat_consumer(node_id: int, patience_ms: int) -> int:
    """Return object 1016h: whose heartbeat a node waits for, and how long."""
    return node_id << 16 | patience_ms


def _exactly(data: bytes, n_bytes: int, what: str) -> bytes:
    if len(data) != n_bytes:
        raise ProtocolError(f"{what} of {len(data)} bytes; it has {n_bytes}")
    return data
