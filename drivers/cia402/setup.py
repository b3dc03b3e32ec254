"""What a CANopen drive is asked and told before it may move: identity, mode, what its PDOs carry, time-outs, limits.

Written where it differs, and read back; nothing is saved in the drive, so it is gone with the power:

    PDOs 1 of both directions, TPDOs 2 and 3   as in drivers/cia402/protocol.py, taken and sent at SYNC (TPDO 3 at few of them)
    6060h mode of operation                    8, cyclic synchronous position
    60C2h interpolation time period            the command period
    6072h maximum torque                       `effort_max_ratio` of the rated torque, which is what effort is a ratio of
    1017h heartbeat producer                   100 ms
    1016h, 6007h heartbeat consumer            a drive that hears nothing of us for `motor_timeout_ms` has a fault: it does what
                                               its fault reaction (605Eh) says, and must be reset

Left as the maker's tool set them: gains, gears and units, brake, following error window (6065h), quick stop and fault
reactions. The drive's own position limits (607Dh) are read: a travel that they would clip in silence is refused.

A drive whose PDOs are as they should be is not touched in them, since it must be pre-operational for that, and some then let go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.cia402 import protocol
from drivers.cia402.bus import Cia402Bus
from drivers.cia402.protocol import CSP, Emergency, NmtCommand, NmtState
from drivers.cia402.sdo import DriveObjects
from interfaces.arm_config import Cia402Config, Cia402Joint
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError, DeviceError

DRIVE_PROFILE = 402
BEAT_MS = 100  # of the drives
STATE_PATIENCE_NS = 500_000_000
MODE_PATIENCE_NS = 200_000_000
ABORT_IS_A_FAULT = 1  # of object 6007h: what a lost connection is
RELATIVE_TORQUE = 1000  # rated torque
NOT_VALID, NO_RTR = 1 << 31, 1 << 30  # of a PDO's id; the second is the drive's own affair
EVERY_SYNC = 1
SLOW_NS = 500_000_000  # how often TPDO 3 is sent

CONTROLWORD, STATUSWORD = 0x60400010, 0x60410010  # object, subindex and bits, as a mapping has them
TARGET_POSITION, POSITION = 0x607A0020, 0x60640020
TORQUE, VELOCITY, MODE_DISPLAY, VOLTAGE = 0x60770010, 0x606C0020, 0x60610008, 0x60790020


@dataclass(frozen=True, slots=True)
class _Pdo:
    parameters: int  # object with id and transmission type
    can_id: int
    transmission: int
    mapping: tuple[int, ...]

    @property
    def mapped(self) -> int:
        return self.parameters + 0x200


def slow_every(config: Cia402Config) -> int:
    """Return at how many SYNCs TPDO 3 is sent once."""
    return min(240, max(1, round(SLOW_NS / config.period_ns)))


def find_drives(bus: Cia402Bus, objects: dict[int, DriveObjects]) -> None:
    """Check that every drive answers, and is one; raises BusTimeoutError naming those that do not."""
    silent = [node_id for node_id in objects if not _answers(objects[node_id])]
    if silent:  # a node that was stopped answers nothing
        bus.send([protocol.nmt(NmtCommand.PRE_OPERATIONAL, node_id) for node_id in silent])
        silent = [node_id for node_id in silent if not _answers(objects[node_id])]
    if silent:
        names = ", ".join(bus.name(node_id) for node_id in silent)
        raise BusTimeoutError(f"{names}: no answer; {len(objects) - len(silent)} of {len(objects)} drives answer")
    for drive in objects.values():
        profile = drive.read(0x1000) & 0xFFFF
        if profile != DRIVE_PROFILE:
            raise DeviceError(f"{drive.name} is of device profile {profile}; expected {DRIVE_PROFILE}, a drive")
        if not drive.read(0x6502) & protocol.CSP_SUPPORTED:
            raise DeviceError(f"{drive.name} does not know the mode cyclic synchronous position (object 6502h)")


def read_identity(drive: DriveObjects, joint: Cia402Joint) -> MotorIdentity:
    """Return which drive it is: the objects 1018h, and, where it has them, its name 1008h and its software 100Ah."""
    vendor, product, revision, serial = (drive.find(0x1018, subindex) or 0 for subindex in (1, 2, 3, 4))
    number = f"{vendor:08X}h:{product:08X}h"
    name = drive.text(0x1008)
    return MotorIdentity(
        joint=joint.name,
        motor_id=joint.node_id,
        model=f"{name} ({number})" if name else number,
        serial=f"{serial:08X}h" if serial else "",
        firmware=drive.text(0x100A) or f"{revision >> 16}.{revision & 0xFFFF}",
    )


def prepare_drive(bus: Cia402Bus, drive: DriveObjects, joint: Cia402Joint, config: Cia402Config) -> None:
    """Check one drive and write its settings; moves nothing, and leaves the power stage as it is.

    Raises DeviceError saying what does not fit.
    """
    _check_travel(drive, joint)
    drive.set(0x1017, 0, "H", BEAT_MS)
    _set_pdos(bus, drive, joint.node_id, slow_every(config))
    _set_mode(bus, drive)
    units, power = protocol.interpolation_period(config.period_ns)
    drive.set(0x60C2, 2, "b", power)
    drive.set(0x60C2, 1, "B", units)
    _set_torque_limit(drive, joint.effort_max_ratio)
    watch_us(bus, drive, config.motor_timeout_ms)
    says = bus.drives[joint.node_id]
    says.restarted = False
    says.millivolts = drive.find(0x6079)
    code = drive.find(0x603F, 0, "H")
    says.emergency = Emergency(code, 0, b"") if code else None  # its EMCY frame was sent before we listened


def start_drives(bus: Cia402Bus, node_ids: Sequence[int]) -> None:
    """Make drives operational, which they confirm by heartbeat: their PDOs count from then on."""
    for node_id in node_ids:
        bus.drives[node_id].nmt_state = None
    bus.send([protocol.nmt(NmtCommand.OPERATIONAL, node_id) for node_id in node_ids])

    def others() -> list[int]:
        return [node_id for node_id in node_ids if bus.drives[node_id].nmt_state != NmtState.OPERATIONAL]

    if not bus.wait(lambda: not others(), STATE_PATIENCE_NS):
        names = ", ".join(bus.name(node_id) for node_id in others())
        raise BusTimeoutError(f"{names}: told to become operational, and no heartbeat says so")


def watch_us(bus: Cia402Bus, drive: DriveObjects, patience_ms: float) -> None:
    """Let a drive stop by itself when it hears nothing of us for so long; 0: never. It begins with our first heartbeat."""
    if not patience_ms:
        if drive.find(0x1016, 1):
            drive.write(0x1016, 1, "I", 0)
        return
    if drive.find(0x6007, 0, "h") is None:
        raise DeviceError(
            f"{drive.name} cannot be told to stop when we fall silent: it has no object 6007h; set motor_timeout_ms to 0"
            " only if the drive's own settings see to that"
        )
    drive.set(0x6007, 0, "h", ABORT_IS_A_FAULT)
    drive.set(0x1016, 1, "I", protocol.heartbeat_consumer(bus.own_id, math.ceil(patience_ms)))


def _answers(drive: DriveObjects) -> bool:
    try:
        drive.read(0x1000)
    except BusTimeoutError:
        return False
    return True


def _check_travel(drive: DriveObjects, joint: Cia402Joint) -> None:
    counts_per_rad = joint.direction * joint.counts_per_turn / (2 * math.pi)
    ends = [joint.home_counts + end * counts_per_rad for end in (joint.position_min_rad, joint.position_max_rad)]
    low, high = math.floor(min(ends)), math.ceil(max(ends))
    if low < -protocol.COUNTS_MAX - 1 or high > protocol.COUNTS_MAX:
        raise DeviceError(f"{drive.name}: its travel, {low}..{high} counts, does not fit into 32 bits")
    least, most = drive.find(0x607D, 1, "i"), drive.find(0x607D, 2, "i")
    if least is not None and most is not None and least < most and (low < least or high > most):
        raise DeviceError(
            f"{drive.name}: its travel, {low}..{high} counts, is wider than the drive's own limits, {least}..{most}"
            " (object 607Dh): it would be clipped in silence"
        )


def _set_mode(bus: Cia402Bus, drive: DriveObjects) -> None:
    if drive.read(0x6061, 0, "b") == CSP:
        return
    # Where it drives in another mode, it shall go on where it is.
    drive.write(0x607A, 0, "i", drive.read(0x6064, 0, "i"))
    drive.write(0x6060, 0, "b", CSP)
    if not bus.wait(lambda: drive.read(0x6061, 0, "b") == CSP, MODE_PATIENCE_NS):
        shown = drive.read(0x6061, 0, "b")
        raise DeviceError(f"{drive.name}: told to be in mode {CSP}, cyclic synchronous position, it says mode {shown}")


def _set_torque_limit(drive: DriveObjects, effort_max_ratio: float) -> None:
    limit = round(RELATIVE_TORQUE * effort_max_ratio)
    if drive.find(0x6072, 0, "H") is not None:
        drive.set(0x6072, 0, "H", limit)
    elif limit < RELATIVE_TORQUE:
        raise DeviceError(f"{drive.name}: has no object 6072h to limit its torque; set effort_max_ratio to 1")


def _set_pdos(bus: Cia402Bus, drive: DriveObjects, node_id: int, slow_syncs: int) -> None:
    pdos = _wanted_pdos(drive, node_id, slow_syncs)
    wrong = [pdo for pdo in pdos if not _is_set(drive, pdo)]
    if not wrong:
        return
    bus.send([protocol.nmt(NmtCommand.PRE_OPERATIONAL, node_id)])
    for pdo in wrong:
        drive.write(pdo.parameters, 1, "I", pdo.can_id | NOT_VALID)
        drive.write(pdo.parameters, 2, "B", pdo.transmission)
        drive.write(pdo.mapped, 0, "B", 0)
        for subindex, mapped in enumerate(pdo.mapping, start=1):
            drive.write(pdo.mapped, subindex, "I", mapped)
        drive.write(pdo.mapped, 0, "B", len(pdo.mapping))
        drive.write(pdo.parameters, 1, "I", pdo.can_id)
        if not _is_set(drive, pdo):
            raise DeviceError(f"{drive.name}: PDO {pdo.parameters:04X}h does not keep what it is told to carry")


def _wanted_pdos(drive: DriveObjects, node_id: int, slow_syncs: int) -> list[_Pdo]:
    torque = (TORQUE,) if drive.find(0x6077, 0, "h") is not None else ()
    pdos = [
        _Pdo(0x1400, protocol.RPDO_1 + node_id, EVERY_SYNC, (CONTROLWORD, TARGET_POSITION)),
        _Pdo(0x1800, protocol.TPDO_1 + node_id, EVERY_SYNC, (STATUSWORD, POSITION, *torque)),
        _Pdo(0x1801, protocol.TPDO_2 + node_id, EVERY_SYNC, (VELOCITY, MODE_DISPLAY)),
    ]
    if drive.find(0x6079) is not None and drive.find(0x1802, 1) is not None:
        pdos.append(_Pdo(0x1802, protocol.TPDO_3 + node_id, slow_syncs, (VOLTAGE,)))
    return pdos


def _is_set(drive: DriveObjects, pdo: _Pdo) -> bool:
    can_id = drive.read(pdo.parameters, 1)
    if can_id & ~NO_RTR != pdo.can_id or drive.read(pdo.parameters, 2, "B") != pdo.transmission:
        return False
    if drive.read(pdo.mapped, 0, "B") != len(pdo.mapping):
        return False
    return all(drive.read(pdo.mapped, i, "I") == mapped for i, mapped in enumerate(pdo.mapping, start=1))
