"""The object dictionary of an emulated CANopen drive, as it comes from the factory."""

from __future__ import annotations

import struct

from drivers.cia402 import protocol
from sim.cia402.sdo_server import SdoObject

VENDOR, PRODUCT, REVISION, SERIAL = 0x0000_02FE, 0x0000_0402, 0x0001_0000, 0x1234_5678
NAME = b"emulated drive of CiA 402"
SOFTWARE = b"3.2.1-r7"
MODES = 0x3ED  # profile position, velocity, torque, homing, interpolated, and the three cyclic synchronous ones
NOT_VALID = 1 << 31

KINDS = {
    (0x603F, 0): "H",
    (0x6007, 0): "h",
    (0x6040, 0): "H",
    (0x6041, 0): "H",
    (0x6060, 0): "b",
    (0x6061, 0): "b",
    (0x6064, 0): "i",
    (0x6065, 0): "I",
    (0x606C, 0): "i",
    (0x6072, 0): "H",
    (0x6077, 0): "h",
    (0x6079, 0): "I",
    (0x607A, 0): "i",
    (0x607D, 1): "i",
    (0x607D, 2): "i",
    (0x60C2, 1): "B",
    (0x60C2, 2): "b",
    (0x1016, 1): "I",
    (0x1017, 0): "H",
}
READ_ONLY = {0x603F, 0x6041, 0x6061, 0x6064, 0x606C, 0x6077, 0x6079}


def factory_objects(node_id: int, serial: int = SERIAL) -> dict[tuple[int, int], SdoObject]:
    """Return all objects, by index and subindex."""
    objects = {key: SdoObject(struct.pack("<" + kind, 0), key[0] not in READ_ONLY) for key, kind in KINDS.items()}
    objects |= {(0x1000, 0): _u32(0x20000 | 402), (0x1001, 0): SdoObject(b"\0"), (0x1008, 0): SdoObject(NAME)}
    objects[0x100A, 0] = SdoObject(SOFTWARE)
    for subindex, value in enumerate((VENDOR, PRODUCT, REVISION, serial), start=1):
        objects[0x1018, subindex] = _u32(value)
    objects[0x1018, 0] = SdoObject(b"\x04")
    objects[0x1016, 0] = SdoObject(b"\x01")
    objects[0x6502, 0] = _u32(MODES)
    objects[0x6065, 0].data = struct.pack("<I", 10_000)
    objects[0x6072, 0].data = struct.pack("<H", 1000)
    objects[0x60C2, 1].data, objects[0x60C2, 2].data = b"\x01", struct.pack("<b", -3)
    factory_pdos = {
        0x1400: (protocol.RPDO_1, (0x60400010,)),
        0x1800: (protocol.TPDO_1, (0x60410010,)),
        0x1801: (protocol.TPDO_2, (0x60410010, 0x60610008)),
        0x1802: (protocol.TPDO_3, (0x60410010, 0x60640020)),
    }
    for parameters, (can_id, mapping) in factory_pdos.items():
        objects |= _pdo(parameters, can_id + node_id | (NOT_VALID if parameters > 0x1800 else 0), mapping)
    return objects


def _pdo(parameters: int, can_id: int, mapping: tuple[int, ...]) -> dict[tuple[int, int], SdoObject]:
    objects = {
        (parameters, 0): SdoObject(b"\x02"),
        (parameters, 1): SdoObject(struct.pack("<I", can_id), writable=True),
        (parameters, 2): SdoObject(b"\xff", writable=True),
        (parameters + 0x200, 0): SdoObject(bytes((len(mapping),)), writable=True),
    }
    for subindex in range(1, 9):
        mapped = mapping[subindex - 1] if subindex <= len(mapping) else 0
        objects[parameters + 0x200, subindex] = SdoObject(struct.pack("<I", mapped), writable=True)
    return objects


def _u32(value: int) -> SdoObject:
    return SdoObject(struct.pack("<I", value))
