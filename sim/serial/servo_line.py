"""Emulated servos on one wire, whatever they speak: what sim/serial/bus.py asks of a bus, but for what is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from sim.serial.bus import BusFaults, Wire

GAP_NS = 5_000_000  # a request that was begun and not continued for so long is forgotten


class LineServo(Protocol):
    """A servo, as far as the wire is concerned."""

    @property
    def is_ramping(self) -> bool:
        """Return whether it runs a profile of its own."""
        ...

    def advance(self, t_now_ns: int) -> None:
        """Let time pass."""
        ...

    def power_on(self) -> None:
        """Begin as after a loss of power."""
        ...


class LineParser(Protocol):
    """What finds requests in the host's bytes."""

    def reset(self) -> None:
        """Forget a request that was begun."""
        ...


S = TypeVar("S", bound=LineServo)
P = TypeVar("P", bound=LineParser)


class ServoLine(Generic[S, P]):
    """Servos, their wire and the parser of what the host sends; not for more than one thread."""

    def __init__(self, servos: Sequence[S], baud_hz: int, parser: P) -> None:
        self.servos = list(servos)
        self._wire = Wire(baud_hz)
        self._parser = parser

    @property
    def faults(self) -> BusFaults:
        """Return what goes wrong on purpose."""
        return self._wire.faults

    @property
    def baud_hz(self) -> int:
        """Return the rate at which the host's port is set."""
        return self._wire.baud_hz

    @baud_hz.setter
    def baud_hz(self, baud_hz: int) -> None:
        """Take over the rate of the host's port."""
        if baud_hz != self._wire.baud_hz:
            self._wire.baud_hz = baud_hz
            self._parser.reset()

    @property
    def is_ramping(self) -> bool:
        """Return whether a servo runs a profile of its own: `advance` every few ms then."""
        return any(servo.is_ramping for servo in self.servos)

    def advance(self, t_now_ns: int) -> None:
        """Let time pass on every servo."""
        for servo in self.servos:
            servo.advance(t_now_ns)

    def power_cycle(self) -> None:
        """Switch the power of every servo off and on."""
        for servo in self.servos:
            servo.power_on()
        self._parser.reset()

    def _forget_old(self, t_now_ns: int) -> None:
        """Forget a request that was begun and not continued."""
        if t_now_ns > self._wire.t_free_ns + GAP_NS:
            self._parser.reset()
