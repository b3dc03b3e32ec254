"""A serial port on a virtual clock: the real driver sends real bytes to emulated motors, and nobody sleeps."""

from __future__ import annotations

from collections.abc import Callable

from sim.serial.bus import SerialBus


class LockstepSerial:
    """The BytePort of drivers/serial/port.py, joined to an emulated bus without a kernel in between.

    `clock_ns` tells the instant at which an exchange begins; within it, this port's own clock runs on by the wire time, so
    the driver sees answers and time-outs exactly as late as they would be. `let_pass` is told before the motors are asked,
    so that a world can stand at that very instant.
    """

    def __init__(
        self, bus: SerialBus, clock_ns: Callable[[], int], let_pass: Callable[[int], None] = lambda _t_ns: None
    ) -> None:
        self._bus = bus
        self._let_pass = let_pass
        self._clock_ns = clock_ns
        self._t_ns = clock_ns()
        self._incoming: list[tuple[int, bytes]] = []  # (arrival, bytes), in order

    def open_port(self, path: str, baud_hz: int) -> LockstepSerial:
        """Return this port, set to a rate: give it to a driver as `open_port`; `path` is only a name."""
        del path
        self._bus.baud_hz = baud_hz
        return self

    def now_ns(self) -> int:
        """Return the virtual instant."""
        self._t_ns = max(self._t_ns, self._clock_ns())
        return self._t_ns

    def write(self, data: bytes) -> None:
        """Put bytes on the wire now."""
        t_now_ns = self.now_ns()
        self._let_pass(t_now_ns)
        for reply in self._bus.handle(data, t_now_ns):
            # An adapter keeps the order: what was sent later does not overtake what is late.
            t_queued_ns = self._incoming[-1][0] if self._incoming else 0
            self._incoming.append((max(t_queued_ns, reply.t_done_ns), reply.data))

    def read(self, count: int, t_deadline_ns: int) -> bytes:
        """Return `count` bytes, or fewer when no more arrive by the deadline; time runs on to whichever it is."""
        received = b""
        t_ns = self.now_ns()
        while len(received) < count:
            if not self._incoming or self._incoming[0][0] > t_deadline_ns:
                t_ns = max(t_ns, t_deadline_ns)
                break
            t_arrival_ns, data = self._incoming.pop(0)
            t_ns = max(t_ns, t_arrival_ns)
            n_taken = count - len(received)
            received += data[:n_taken]
            if len(data) > n_taken:
                self._incoming.insert(0, (t_arrival_ns, data[n_taken:]))
        self._t_ns = t_ns
        return received

    def discard(self) -> None:
        """Throw away what arrived and was not read."""
        t_ns = self.now_ns()
        self._incoming = [(t, data) for t, data in self._incoming if t > t_ns]

    def close(self) -> None:
        """Forget what is underway; the motors stay as they are."""
        self._incoming.clear()
