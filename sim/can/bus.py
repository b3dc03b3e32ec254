"""An emulated CAN bus at frame level: frames in, frames out with the instant the host has them.

Each frame takes its own stuffed length on the wire; among frames that wait, the lowest identifier goes first; what one
node sends, all others hear, too. A frame that nobody acknowledges stays with its sender.

Everything that follows from the host's frames is worked out at once, so a node may have heard a frame some wire times
before the clock of the host gets there. Nodes are never told an earlier instant than before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from drivers.can.load import frame_bits
from drivers.can.port import CanFrame

ERROR_BITS = 6 + 8 + 3  # error flag, its delimiter, space between frames
HOST_QUEUE = 10  # frames: the length of SocketCAN's queue, unless it is told otherwise
MAILBOX = 64  # frames that a sender keeps while it does not get onto the wire; the oldest are lost
BABBLE = 10_000  # frames in a row: nodes that answer each other for ever are a mistake of the emulator


class CanNode(Protocol):
    """A motor, or whatever else has a CAN controller."""

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        """Take in a frame of the host or of another node, and return what is sent in answer."""
        ...

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        """Let time pass, and return what became due, as heartbeats do."""
        ...

    def power_on(self) -> None:
        """Begin as after a loss of power."""
        ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame of a node, and when the host has it."""

    t_done_ns: int
    frame: CanFrame


@dataclass(slots=True)
class CanFaults:
    """What goes wrong on purpose; counts run down as frames are hit."""

    n_drop: int = 0  # frames of nodes that the host does not get
    garbage: list[CanFrame] = field(default_factory=list[CanFrame])  # come before the next frame of a node, once
    silent: set[int] = field(default_factory=set[int])  # indices of nodes whose cable is off
    delay_ns: int = 0  # the host has every frame so much later
    bus_off: bool = False  # the host's controller has given up: nothing goes out or comes in
    n_error_frames: int = 0  # frames destroyed on the wire; CAN repeats them by itself


@dataclass(slots=True)
class _Sender:
    node: CanNode | None  # None: the host
    waiting: deque[tuple[int, CanFrame]] = field(
        default_factory=deque[tuple[int, CanFrame]]
    )  # (ready, frame), in order


class CanBus:
    """Nodes on one wire, beside the host; not for more than one thread."""

    def __init__(self, nodes: Sequence[CanNode], bitrate_hz: int = 1_000_000) -> None:
        self.nodes = list(nodes)
        self.faults = CanFaults()
        self.bitrate_hz = bitrate_hz
        self.host_bitrate_hz = bitrate_hz  # at another one nothing is understood
        self.error_frames = 0  # so far
        self._host = _Sender(None)
        self._senders = [self._host, *(_Sender(node) for node in self.nodes)]
        self._t_ns = self._t_free_ns = 0

    @property
    def n_waiting(self) -> int:
        """Return how many of the host's frames nobody has acknowledged yet."""
        return len(self._host.waiting)

    def handle(self, frames: Sequence[CanFrame], t_now_ns: int) -> list[Arrival]:
        """Let the host send at `t_now_ns`, and return what comes back."""
        if not self._host_hears():
            self._host.waiting.clear()
            return self.advance(t_now_ns)
        self._host.waiting.extend((t_now_ns, frame) for frame in frames)
        return self.advance(t_now_ns)

    def advance(self, t_now_ns: int) -> list[Arrival]:
        """Let time pass on every node, and return what they send."""
        self._t_ns = max(self._t_ns, t_now_ns)
        if any(sender.waiting for sender in self._senders):
            self._t_free_ns = max(self._t_free_ns, t_now_ns)  # what nobody acknowledged is sent again and again
        for index, (node, sender) in enumerate(zip(self.nodes, self._senders[1:], strict=True)):
            due = node.advance(self._t_ns)
            if index in self.faults.silent:
                sender.waiting.clear()
            else:
                sender.waiting.extend((t_now_ns, frame) for frame in due)
        return self._run()

    def power_cycle(self) -> None:
        """Switch the power of every node off and on."""
        for node, sender in zip(self.nodes, self._senders[1:], strict=True):
            sender.waiting.clear()
            node.power_on()

    def _connected(self) -> list[_Sender]:
        host = [self._host] if self._host_hears() else []
        return host + [sender for i, sender in enumerate(self._senders[1:]) if i not in self.faults.silent]

    def _host_hears(self) -> bool:
        return not self.faults.bus_off and self.host_bitrate_hz == self.bitrate_hz

    def _run(self) -> list[Arrival]:
        arrivals: list[Arrival] = []
        connected = self._connected()
        for _ in range(BABBLE):
            if len(connected) < 2 or not (sender := self._next_sender(connected)):
                return arrivals
            frame = sender.waiting[0][1]
            self._t_free_ns += self._wire_ns(frame_bits(frame))
            if self.faults.n_error_frames:
                self.faults.n_error_frames -= 1
                self.error_frames += 1
                self._t_free_ns += self._wire_ns(ERROR_BITS)
                continue
            sender.waiting.popleft()
            arrivals += self._deliver(sender, frame, connected)
        raise RuntimeError(f"{BABBLE} frames in a row: nodes answer each other without end")

    def _next_sender(self, connected: list[_Sender]) -> _Sender | None:
        """Return who wins the wire once it is free; `_t_free_ns` becomes the instant the frame begins."""
        waiting = [sender for sender in connected if sender.waiting]
        if not waiting:
            return None
        self._t_free_ns = max(self._t_free_ns, min(sender.waiting[0][0] for sender in waiting))
        ready = [sender for sender in waiting if sender.waiting[0][0] <= self._t_free_ns]
        return min(ready, key=lambda sender: arbitration(sender.waiting[0][1]))

    def _deliver(self, sender: _Sender, frame: CanFrame, connected: list[_Sender]) -> list[Arrival]:
        self._t_ns = max(self._t_ns, self._t_free_ns)
        for other in connected:
            if other is not sender and other.node is not None:
                other.waiting.extend((self._t_free_ns, answer) for answer in other.node.hear(frame, self._t_ns))
        return self._arrive(frame) if sender is not self._host and self._host in connected else []

    def _arrive(self, frame: CanFrame) -> list[Arrival]:
        if self.faults.n_drop:
            self.faults.n_drop -= 1
            return []
        garbage, self.faults.garbage = self.faults.garbage, []
        return [Arrival(self._t_free_ns + self.faults.delay_ns, each) for each in (*garbage, frame)]

    def _wire_ns(self, n_bits: int) -> int:
        return round(n_bits * 1e9 / self.bitrate_hz)


def arbitration(frame: CanFrame) -> tuple[int, int, int, int, int]:
    """Return what decides who goes first, the smallest does: the bits of the identifier as the wire carries them."""
    if frame.extended:
        return frame.can_id >> 18, 1, 1, frame.can_id & 0x3FFFF, int(frame.remote)
    return frame.can_id, int(frame.remote), 0, 0, 0
