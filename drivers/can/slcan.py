"""The CanPort of serial CAN adapters that speak slcan: CANable, USBtin, Lawicel and their kin.

Written for this project beside python-can's own: that one sets no deadline to writing, reads byte by byte, dies of bytes that are no
text, and does not tell when the adapter refuses a frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from drivers.can import slcan_protocol as protocol
from drivers.can.port import CanFrame, CanHealth
from drivers.serial.port import BytePort, PortOpener
from interfaces.errors import DeviceError, DeviceLostError, ProtocolError, RefusedError

ACKNOWLEDGE_NS = 50_000_000  # some adapters never do, and none takes longer
ANSWER_NS = 1_000_000_000
QUIET_NS = 20_000_000
REFUSALS_MAX = 32  # in a row: the adapter has forgotten its channel, or its controller left the bus


class SlcanPort:
    """A CAN bus behind a serial adapter, for this process alone."""

    def __init__(self, path: str, baud_hz: int, bitrate_hz: int, open_port: PortOpener) -> None:
        """Open port and channel.

        Raises DeviceLostError where no adapter answers, RefusedError for a bit rate that slcan does not have, and DeviceError
        where the adapter refuses it.
        """
        if bitrate_hz not in protocol.RATES:
            rates = ", ".join(str(rate) for rate in protocol.RATES)
            raise RefusedError(f"{path}: slcan has no bit rate of {bitrate_hz}; it has {rates}")
        self._path = path
        self._parser = protocol.LineParser()
        self._lines: deque[bytes] = deque()
        self._is_asking = False  # for the status
        self._n_errors = self._n_off = self._n_full = self._n_refused = 0
        self._port: BytePort = open_port(path, baud_hz)
        try:
            self._open_channel(bitrate_hz)
        except DeviceError:
            self._port.close()
            raise

    def now_ns(self) -> int:
        """Return the clock of the serial port."""
        return self._port.now_ns()

    def send(self, frames: Sequence[CanFrame]) -> None:
        """Hand all of `frames` to the adapter, in one piece: USB carries that faster than several."""
        self._port.write(b"".join(map(protocol.encode_frame, frames)))

    def receive(self, t_deadline_ns: int) -> CanFrame | None:
        """Return the next frame, or None when none arrived in time."""
        while True:
            while self._lines:
                frame = self._take(self._lines.popleft())
                if frame is not None:
                    return frame
            if not self._read(t_deadline_ns):
                return None

    def discard(self) -> None:
        """Throw away what arrived and was not received."""
        self._port.discard()
        self._parser.reset()
        self._lines.clear()

    def health(self) -> CanHealth:
        """Return counts since the port was opened; what an adapter does not tell is not in them."""
        return CanHealth(error_frames=self._n_errors, bus_off=self._n_off, queue_full=self._n_full)

    def close(self) -> None:
        """Close channel and port."""
        with suppress(DeviceError):  # where it is gone, that is as good
            self._port.write(b"C\r")
        self._port.close()

    def _take(self, line: bytes) -> CanFrame | None:
        """Return the frame of a line; what is none is counted, or means nothing."""
        if line == protocol.BELL:
            self._refused()
            return None
        try:
            frame = protocol.decode_frame(line)
        except ProtocolError:
            self._take_news(line)
            return None
        self._n_refused = 0
        return frame

    def _take_news(self, line: bytes) -> None:
        if line in {b"", b"z", b"Z"}:  # a frame was taken
            self._n_refused = 0
        elif protocol.is_bus_off(line):
            self._n_off += 1
            raise DeviceLostError(f"{self._path}: the adapter's controller is off the bus: too many errors on the wire")
        elif line.startswith(b"F"):
            self._is_asking = False
            self._take_status(line)
        else:
            self._n_errors += protocol.n_errors(line)

    def _take_status(self, line: bytes) -> None:
        try:
            status = protocol.decode_status(line)
        except ProtocolError:
            return
        self._n_errors += protocol.Status.BUS_ERROR in status
        self._n_full += protocol.Status.SEND_FULL in status

    def _refused(self) -> None:
        """Ask why, unless that is what was refused."""
        self._n_refused += 1
        if self._n_refused >= REFUSALS_MAX:
            raise DeviceLostError(
                f"{self._path}: the adapter refused {REFUSALS_MAX} times in a row: it lost its channel, or the bus"
                " (wiring, termination, bit rate)"
            )
        if not self._is_asking:
            self._port.write(b"F\r")
        self._is_asking = not self._is_asking

    def _read(self, t_deadline_ns: int) -> bool:
        data = self._port.read(self._parser.n_missing, t_deadline_ns)
        self._lines.extend(self._parser.feed(data))
        return bool(data)

    def _open_channel(self, bitrate_hz: int) -> None:
        self._port.write(b"\r\r\rC\r")  # ends what a program before us left unfinished
        self._wait_for_quiet()
        self._port.write(b"V\r")
        if self._next_line(ANSWER_NS) is None:
            raise DeviceLostError(f"{self._path}: no CAN adapter answers there that speaks slcan")
        self._wait_for_quiet()
        self._order(protocol.RATES[bitrate_hz], f"a bit rate of {bitrate_hz}")
        self._order(b"O", "to open its channel")

    def _order(self, command: bytes, meaning: str) -> None:
        self._port.write(command + protocol.END)
        t_end_ns = self._port.now_ns() + ACKNOWLEDGE_NS
        while (line := self._next_line(t_end_ns - self._port.now_ns())) is not None:
            if line == protocol.BELL:
                raise DeviceError(f"{self._path}: the adapter refuses {meaning}")
            if line == b"":
                return

    def _next_line(self, patience_ns: int) -> bytes | None:
        t_end_ns = self._port.now_ns() + patience_ns
        while not self._lines:
            if not self._read(t_end_ns):
                return None
        return self._lines.popleft()

    def _wait_for_quiet(self) -> None:
        """Let pass what the adapter still says; a bus full of frames is let pass for so long only."""
        t_end_ns = self._port.now_ns() + ANSWER_NS // 4
        while self._port.now_ns() < t_end_ns and self._port.read(256, self._port.now_ns() + QUIET_NS):
            pass
        self.discard()
