"""What every emulated serial bus shares: bytes in, bytes out with the instant their last bit is on the wire, and what goes wrong.

Ten bits a byte at the bus's rate; nobody speaks before the wire is free. Families of motors differ in what they say, and
have a bus of their own on top of this wire: sim/feetech/bus.py is Feetech's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes of one motor, and when the host has the last of them."""

    t_done_ns: int
    data: bytes


@dataclass(slots=True)
class BusFaults:
    """What goes wrong on purpose; counts run down as replies are hit."""

    n_drop: int = 0  # replies that get lost
    n_corrupt: int = 0  # replies that come with a wrong checksum
    n_cut: int = 0  # replies that end in the middle
    n_double: int = 0  # replies that come twice
    garbage: bytes = b""  # comes before the next reply, once
    silent_ids: set[int] = field(default_factory=set[int])  # motors whose cable is off
    echo: bool = False  # the adapter sends the host's own bytes back, as half-duplex ones do
    delay_ns: int = 0  # every reply comes so much later


class SerialBus(Protocol):
    """Emulated motors on one wire, as sim/serial/pty_port.py and sim/serial/lockstep.py need them; not for more than one thread."""

    @property
    def baud_hz(self) -> int:
        """Return the rate at which the host's port is set."""
        ...

    @baud_hz.setter
    def baud_hz(self, baud_hz: int) -> None:
        """Take over the rate of the host's port."""
        ...

    @property
    def is_ramping(self) -> bool:
        """Return whether a motor runs a profile of its own: `advance` every few ms then."""
        ...

    def advance(self, t_now_ns: int) -> Sequence[Reply] | None:
        """Let time pass on every motor, and return what they say unasked, if they ever do."""
        ...

    def handle(self, data: bytes, t_now_ns: int) -> Sequence[Reply]:
        """Put the host's bytes on the wire at `t_now_ns`, and return what comes back, in order."""
        ...


class Wire:
    """The wire between host and motors: when it is free, and what its faults make of an answer."""

    def __init__(self, baud_hz: int) -> None:
        self.baud_hz = baud_hz
        self.faults = BusFaults()
        self.t_free_ns = 0

    def ask(self, data: bytes, t_now_ns: int) -> list[Reply]:
        """Carry the host's bytes; returns their echo where the adapter echoes. `t_free_ns` is when the motors have them."""
        self.t_free_ns = max(t_now_ns, self.t_free_ns) + self._duration_ns(len(data))
        return [Reply(self.t_free_ns, data)] if self.faults.echo else []

    def answer(self, data: bytes, pause_ns: int) -> list[Reply]:
        """Carry one motor's answer, begun `pause_ns` after the wire became free; returns what the host gets of it."""
        self.t_free_ns += pause_ns + self._duration_ns(len(data))
        if self.faults.n_drop:
            self.faults.n_drop -= 1
            return []
        garbage, self.faults.garbage = self.faults.garbage, b""
        return [Reply(self.t_free_ns + self.faults.delay_ns, garbage + self._spoilt(data))]

    def _spoilt(self, data: bytes) -> bytes:
        faults = self.faults
        if faults.n_corrupt:
            faults.n_corrupt -= 1
            data = data[:-1] + bytes((data[-1] ^ 0x55,))
        if faults.n_cut:
            faults.n_cut -= 1
            data = data[: len(data) // 2]
        if faults.n_double:
            faults.n_double -= 1
            data += data
        return data

    def _duration_ns(self, n_bytes: int) -> int:
        return round(n_bytes * 10e9 / self.baud_hz)
