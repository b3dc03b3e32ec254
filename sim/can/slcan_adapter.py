"""An emulated serial CAN adapter: slcan lines from the host, an emulated CAN bus behind; a SerialBus for pty and lockstep.

It speaks as a Lawicel CAN232 does: each command is answered by a carriage return or a bell, each frame by `z` or `Z`. Its
serial side is USB, which is not paced: time passes on the CAN wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.can import slcan_protocol as protocol
from interfaces.errors import ProtocolError
from sim.can.bus import HOST_QUEUE, Arrival, CanBus
from sim.serial.bus import Reply

OK, REFUSED = protocol.END, protocol.BELL
_RATES = {command: rate for rate, command in protocol.RATES.items()}


@dataclass(slots=True)
class AdapterFaults:
    """What goes wrong on purpose between computer and adapter; counts run down."""

    garbage: bytes = b""  # comes before the next line, once
    n_refuse: int = 0  # frames answered by a bell, and not sent
    is_mute: bool = False  # answers no command and no frame, as some makers' adapters; tells its version only
    tells_states: bool = False  # says by itself when it leaves the bus, as newer ones do


class SlcanAdapter:
    """The adapter in front of a bus; not for more than one thread."""

    is_ramping = True  # heartbeats and time-outs on the bus: let time pass every few ms

    def __init__(self, bus: CanBus) -> None:
        self.bus = bus
        self.faults = AdapterFaults()
        self.baud_hz = 115_200  # of the host's port; USB does not care
        self._is_open = self._listens_only = False
        self._rate_hz = 0  # not chosen yet
        self._n_errors_told = 0
        self._is_full = self._was_off = False
        self._begun = b""
        self._commands: dict[bytes, Callable[[bytes], bytes]] = {
            b"S": self._choose_rate,
            b"O": self._open,
            b"L": self._open,
            b"C": self._close,
            b"V": lambda _line: b"V1013\r",
            b"N": lambda _line: b"NA123\r",
            b"F": self._status,
            b"Z": lambda line: OK if line in {b"Z0", b"Z1"} and not self._is_open else REFUSED,
            b"": lambda _line: OK,
        }

    def advance(self, t_now_ns: int) -> list[Reply]:
        """Let time pass on the bus, and return what its nodes sent by themselves."""
        return self._tell_state(t_now_ns) + self._tell(self.bus.advance(t_now_ns))

    def handle(self, data: bytes, t_now_ns: int) -> list[Reply]:
        """Take the host's bytes, and return what it gets in answer, in order."""
        *lines, self._begun = (self._begun + data).split(protocol.END)
        self._begun = self._begun[-protocol.LINE_MAX :]
        replies = self.advance(t_now_ns)
        for line in lines:
            replies += self._obey(line, t_now_ns)
        return sorted(replies, key=lambda reply: reply.t_done_ns)

    def restart(self) -> None:
        """Begin as after a loss of power: channel closed, no rate chosen."""
        self._is_open, self._rate_hz, self._begun = False, 0, b""

    def _obey(self, line: bytes, t_now_ns: int) -> list[Reply]:
        if line[:1] in {b"t", b"T", b"r", b"R"}:
            return self._send(line, t_now_ns)
        answer = self._commands.get(line[:1], lambda _line: REFUSED)(line)
        return [] if self.faults.is_mute and line != b"V" else [Reply(t_now_ns, answer)]

    def _send(self, line: bytes, t_now_ns: int) -> list[Reply]:
        if not self._may_send():
            return [] if self.faults.is_mute else [Reply(t_now_ns, REFUSED)]
        try:
            frame = protocol.decode_frame(line)
        except ProtocolError:
            return [Reply(t_now_ns, REFUSED)]
        taken = [] if self.faults.is_mute else [Reply(t_now_ns, (b"Z" if frame.extended else b"z") + OK)]
        return taken + self._tell(self.bus.handle([frame], t_now_ns))

    def _may_send(self) -> bool:
        if self.faults.n_refuse:
            self.faults.n_refuse -= 1
            return False
        self._is_full = self.bus.n_waiting >= HOST_QUEUE
        return self._is_open and not self._listens_only and not self.bus.faults.bus_off and not self._is_full

    def _tell(self, arrivals: list[Arrival]) -> list[Reply]:
        if not self._is_open:
            return []
        replies: list[Reply] = []
        for arrival in arrivals:
            garbage, self.faults.garbage = self.faults.garbage, b""
            replies.append(Reply(arrival.t_done_ns, garbage + protocol.encode_frame(arrival.frame)))
        return replies

    def _tell_state(self, t_now_ns: int) -> list[Reply]:
        was_off, self._was_off = self._was_off, self.bus.faults.bus_off
        news = self._is_open and self.faults.tells_states and self._was_off and not was_off
        return [Reply(t_now_ns, b"sb000256\r")] if news else []

    def _choose_rate(self, line: bytes) -> bytes:
        if self._is_open or line not in _RATES:
            return REFUSED
        self._rate_hz = self.bus.host_bitrate_hz = _RATES[line]
        return OK

    def _open(self, line: bytes) -> bytes:
        if self._is_open or not self._rate_hz:
            return REFUSED
        self._is_open, self._listens_only = True, line == b"L"
        self._was_off = False
        return OK

    def _close(self, _line: bytes) -> bytes:
        was_open, self._is_open = self._is_open, False
        return OK if was_open else REFUSED

    def _status(self, _line: bytes) -> bytes:
        if not self._is_open:
            return REFUSED
        status = protocol.Status(0)
        if self.bus.error_frames > self._n_errors_told:
            status |= protocol.Status.BUS_ERROR
        if self._is_full:
            status |= protocol.Status.SEND_FULL | protocol.Status.PASSIVE
        self._n_errors_told = self.bus.error_frames
        return b"F%02X\r" % status
