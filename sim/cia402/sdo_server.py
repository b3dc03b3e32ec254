"""The SDO server of an emulated CANopen node: its objects, read and written by frames. Expedited, and in segments what is longer.

Source: CiA 301, "SDO protocol". Block transfer is refused, which a server may do.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

UNKNOWN_COMMAND, NO_SUCH_OBJECT, NO_SUCH_SUBINDEX = 0x05040001, 0x06020000, 0x06090011
READ_ONLY, WRONG_LENGTH, WRONG_VALUE, WRONG_TOGGLE = 0x06010002, 0x06070010, 0x06090030, 0x05030000
CANNOT_BE_MAPPED, TOO_LONG_A_PDO = 0x06040041, 0x06040042
NOT_NOW = 0x08000022  # because of the present device state
SEGMENT_BYTES = 7

_INITIATE = struct.Struct("<BHB4s")
_ABORT = struct.Struct("<BHBI")


class SdoAbort(Exception):  # noqa: N818 - a word of the standard
    """A request that is refused, with the code that says why."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code:#010x}")
        self.code = code


@dataclass(slots=True)
class SdoObject:
    """One object: bytes of a fixed length, but for strings, which are never written."""

    data: bytes
    writable: bool = False


class SdoServer:
    """Objects by index and subindex; `write` may be replaced by who must know of writing."""

    def __init__(self, objects: Mapping[tuple[int, int], SdoObject]) -> None:
        self.objects = dict(objects)
        self._rest = b""  # of a transfer in segments, to the client
        self._incoming: tuple[tuple[int, int], bytes] | None = None  # from the client
        self._toggle = 0
        self._subject = (0, 0)

    def read(self, key: tuple[int, int]) -> bytes:
        """Return an object; raises SdoAbort where there is none."""
        if key not in self.objects:
            raise SdoAbort(NO_SUCH_SUBINDEX if any(index == key[0] for index, _ in self.objects) else NO_SUCH_OBJECT)
        return self.objects[key].data

    def write(self, key: tuple[int, int], data: bytes) -> None:
        """Keep an object; raises SdoAbort where it cannot be written."""
        if len(self.read(key)) != len(data):
            raise SdoAbort(WRONG_LENGTH)
        if not self.objects[key].writable:
            raise SdoAbort(READ_ONLY)
        self.objects[key].data = data

    def answer(self, request: bytes) -> bytes | None:
        """Return the answer to a request; None where nothing is said."""
        if len(request) != 8:
            return None
        specifier = request[0] & 0xE0
        try:
            if specifier == 0x40:
                return self._begin_upload(request)
            if specifier == 0x60:
                return self._next_upload(request)
            if specifier == 0x20:
                return self._begin_download(request)
            if specifier == 0x00:
                return self._next_download(request)
            if specifier == 0x80:
                self._rest, self._incoming = b"", None
                return None
            raise SdoAbort(UNKNOWN_COMMAND)
        except SdoAbort as abort:
            return _ABORT.pack(0x80, *self._subject, abort.code)

    def _begin_upload(self, request: bytes) -> bytes:
        _, index, subindex, _ = _INITIATE.unpack(request)
        self._subject = (index, subindex)
        data = self.read(self._subject)
        if len(data) <= 4:
            return _INITIATE.pack(0x43 | (4 - len(data)) << 2, index, subindex, data)
        self._rest, self._toggle = data, 0
        return _INITIATE.pack(0x41, index, subindex, struct.pack("<I", len(data)))

    def _next_upload(self, request: bytes) -> bytes:
        if not self._rest or request[0] & 0x10 != self._toggle:
            raise SdoAbort(WRONG_TOGGLE)
        segment, self._rest = self._rest[:SEGMENT_BYTES], self._rest[SEGMENT_BYTES:]
        command = self._toggle | (SEGMENT_BYTES - len(segment)) << 1 | (not self._rest)
        self._toggle ^= 0x10
        return bytes((command,)) + segment.ljust(SEGMENT_BYTES, b"\0")

    def _begin_download(self, request: bytes) -> bytes:
        command, index, subindex, data = _INITIATE.unpack(request)
        self._subject = (index, subindex)
        if command & 0x02:
            size = 4 - (command >> 2 & 3) if command & 0x01 else len(self.read(self._subject))
            self.write(self._subject, data[:size])
        else:
            self.read(self._subject)
            self._incoming, self._toggle = (self._subject, b""), 0
        return _INITIATE.pack(0x60, index, subindex, bytes(4))

    def _next_download(self, request: bytes) -> bytes:
        if self._incoming is None or request[0] & 0x10 != self._toggle:
            raise SdoAbort(WRONG_TOGGLE)
        key, data = self._incoming
        data += request[1 : 8 - (request[0] >> 1 & 7)]
        self._incoming = (key, data)
        if request[0] & 0x01:
            self._incoming = None
            self.write(key, data)
        answer = bytes((0x20 | self._toggle,)) + bytes(7)
        self._toggle ^= 0x10
        return answer
