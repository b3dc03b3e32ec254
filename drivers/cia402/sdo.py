"""Objects of a drive, read and written one by one through the `canopen` package, before and after the cycle runs.

That package does the transfers: expedited, segmented, aborted. It would receive in a thread of its own, which a command process
must not have; so it is never connected: what it sends goes to our port, and what it waits for is taken from there.
"""

from __future__ import annotations

# typing has `override` from 3.12 on
# pyright: reportImplicitOverride=false
import struct
from collections.abc import Callable

from canopen import ObjectDictionary
from canopen.network import Network
from canopen.sdo.client import SdoClient
from canopen.sdo.exceptions import SdoAbortedError, SdoCommunicationError

from drivers.can.port import CanFrame
from drivers.cia402 import protocol
from drivers.cia402.bus import Cia402Bus
from interfaces.errors import BusTimeoutError, DeviceError

ANSWER_PATIENCE_NS = 100_000_000
ATTEMPTS = 3
ABSENT = frozenset({0x06020000, 0x06090011})  # abort codes: no such object, no such subindex
DOWNLOAD, UPLOAD, ABORT, SPECIFIER = 0x20, 0x40, 0x80, 0xE0  # the first byte of questions and answers


class PumpedNetwork(Network):
    """A network of `canopen` that sends and receives through our port, in our thread; `hear` gives it what was received."""

    def __init__(self, bus: Cia402Bus) -> None:
        super().__init__()
        self.port = bus

    def hear(self, frame: CanFrame) -> None:
        """Hand a frame over to whoever of `canopen` waits for it."""
        self.notify(frame.can_id, bytearray(frame.data), self.port.now_ns() * 1e-9)

    def send_message(self, can_id: int, data: bytes, remote: bool = False) -> None:  # noqa: FBT001, FBT002
        """Send one frame."""
        self.port.send([CanFrame(can_id, bytes(data), remote=remote)])


class PumpedSdoClient(SdoClient):
    """A client of `canopen` whose waiting is done by our port, and that knows an answer to another question when it sees one."""

    def __init__(self, network: PumpedNetwork, node_id: int) -> None:
        super().__init__(protocol.SDO_QUESTION + node_id, protocol.SDO_ANSWER + node_id, ObjectDictionary())
        self.network = self._pumped = network
        self._port = network.port
        self._heard: list[bytes] = []
        network.subscribe(self.tx_cobid, self.on_response)

    def on_response(self, can_id: int, data: bytes | bytearray, timestamp: float) -> None:
        """Keep an answer until it is looked at."""
        del can_id, timestamp
        self._heard.append(bytes(data))

    def request_response(self, sdo_request: bytes | bytearray) -> bytes:
        """Return the answer to a request; raises SdoAbortedError or SdoCommunicationError."""
        before, self._port.on_frame = self._port.on_frame, self._pumped.hear
        try:
            return self._transfer(bytes(sdo_request))
        finally:
            self._port.on_frame = before

    def _transfer(self, request: bytes) -> bytes:
        begins = request[0] & SPECIFIER in {DOWNLOAD, UPLOAD}  # a transfer, so it names its object, and may be repeated
        for _ in range(ATTEMPTS if begins else 1):
            self._port.drain()
            self._heard.clear()
            self.send_request(request)
            if self._port.wait(lambda: any(_answers(request, heard) for heard in self._heard), ANSWER_PATIENCE_NS):
                response = next(heard for heard in self._heard if _answers(request, heard))
                if response[0] == ABORT:
                    raise SdoAbortedError(struct.unpack_from("<L", response, 4)[0])
                return response
        raise SdoCommunicationError("no answer")


class DriveObjects:
    """The object dictionary of one drive. Errors name drive and object."""

    def __init__(self, network: PumpedNetwork, node_id: int) -> None:
        self.name = network.port.name(node_id)
        self._client = PumpedSdoClient(network, node_id)

    def read(self, index: int, subindex: int = 0, kind: str = "I") -> int:
        """Return an object, a number of the struct format `kind`; raises DeviceError where there is none."""
        value = self.find(index, subindex, kind)
        if value is None:
            raise DeviceError(f"{self.name} has no object {index:04X}h:{subindex:02X}")
        return value

    def find(self, index: int, subindex: int = 0, kind: str = "I") -> int | None:
        """Return an object, or None where the drive has none."""
        data = self._upload(index, subindex)
        size = struct.calcsize(kind)
        if data is None:
            return None
        if len(data) < size:
            raise DeviceError(f"{self.name}: object {index:04X}h:{subindex:02X} has {len(data)} bytes; expected {size}")
        (value,) = struct.unpack("<" + kind, data[:size])
        return value

    def text(self, index: int) -> str:
        """Return an object that is a text, empty where the drive has none; what is no plain letter is left out."""
        data = self._upload(index, 0) or b""
        return "".join(chr(octet) for octet in data.split(b"\0")[0] if 0x20 <= octet < 0x7F).strip()

    def write(self, index: int, subindex: int, kind: str, value: int) -> None:
        """Write an object; raises DeviceError where the drive refuses."""
        data = struct.pack("<" + kind, value)
        try:
            self._try(index, subindex, lambda: self._client.download(index, subindex, data))
        except SdoAbortedError as error:
            shown = f"object {index:04X}h:{subindex:02X} cannot be set to {value:#x}"
            raise DeviceError(f"{self.name}: {shown}: {error}") from error

    def set(self, index: int, subindex: int, kind: str, value: int) -> None:
        """Write an object where it has another value, and read it back; raises DeviceError where it is not kept."""
        if self.read(index, subindex, kind) == value:
            return
        self.write(index, subindex, kind, value)
        kept = self.read(index, subindex, kind)
        if kept != value:
            raise DeviceError(
                f"{self.name}: object {index:04X}h:{subindex:02X} was set to {value:#x} and reads {kept:#x}"
            )

    def _upload(self, index: int, subindex: int) -> bytes | None:
        try:
            return self._try(index, subindex, lambda: self._client.upload(index, subindex))
        except SdoAbortedError as error:
            if error.code in ABSENT:
                return None
            raise DeviceError(f"{self.name}: object {index:04X}h:{subindex:02X} cannot be read: {error}") from error

    def _try(self, index: int, subindex: int, transfer: Callable[[], bytes | None]) -> bytes:
        try:
            return transfer() or b""
        except SdoCommunicationError as error:
            raise BusTimeoutError(f"{self.name}: object {index:04X}h:{subindex:02X}: {error}") from error


def _answers(request: bytes, response: bytes) -> bool:
    """Return whether this is about that: the same object, or the next part of a transfer."""
    if len(response) != 8:
        return False
    if request[0] & SPECIFIER in {DOWNLOAD, UPLOAD}:
        return request[1:4] == response[1:4]
    return True
