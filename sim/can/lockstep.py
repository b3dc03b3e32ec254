"""A CAN port on a virtual clock: the real driver sends real frames to emulated motors, and nobody sleeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.can.port import CanFrame, CanHealth
from interfaces.errors import BusTimeoutError, DeviceLostError
from sim.can.bus import HOST_QUEUE, Arrival, CanBus

STEP_NS = 1_000_000  # how finely time passes for the nodes while the host waits
SEND_PATIENCE_NS = 5_000_000
BUS_OFF_PATIENCE_NS = 300_000_000


class LockstepCan:
    """The CanPort of drivers/can/port.py, joined to an emulated bus without a kernel in between.

    `clock_ns` tells the instant at which an exchange begins; within it, this port's own clock runs on by the wire time, so
    the driver sees answers and time-outs exactly as late as they would be. Time passes for the motors through this port
    alone: who moves the clock calls `catch_up`, not the bus, whose frames the driver would miss. `let_pass` is told before
    the motors are asked, so that a world can stand at that very instant.
    """

    def __init__(
        self, bus: CanBus, clock_ns: Callable[[], int], let_pass: Callable[[int], None] = lambda _t_ns: None
    ) -> None:
        self._bus = bus
        self._let_pass = let_pass
        self._clock_ns = clock_ns
        self._t_ns = clock_ns()
        self._incoming: list[Arrival] = []  # in order of arrival
        self._name = "can"
        self._n_full = self._n_off = self._n_errors_before = 0
        self._is_off = False

    def open_port(self, port: str, bitrate_hz: int) -> LockstepCan:
        """Return this port, set to a rate: give it to a driver as `open_port`; `port` is only a name."""
        self._name = port
        self._bus.host_bitrate_hz = bitrate_hz
        self._n_full = self._n_off = 0
        self._n_errors_before = self._bus.error_frames
        self._incoming.clear()
        return self

    def now_ns(self) -> int:
        """Return the virtual instant."""
        self._t_ns = max(self._t_ns, self._clock_ns())
        return self._t_ns

    def catch_up(self) -> None:
        """Let the motors live until now; what they send waits to be received."""
        t_now_ns = self.now_ns()
        self._let_pass(t_now_ns)
        self._take(self._bus.advance(t_now_ns))

    def send(self, frames: Sequence[CanFrame]) -> None:
        """Put frames on the wire now; the queue holds what nobody acknowledges, and no more than that."""
        self._require_on()
        self.catch_up()
        rest = list(frames)
        while rest:
            room = HOST_QUEUE - self._bus.n_waiting
            if not room:
                self._n_full += 1
                self._t_ns = self.now_ns() + SEND_PATIENCE_NS
                raise BusTimeoutError(f"{self._name}: no room in the queue: nobody acknowledges")
            self._take(self._bus.handle(rest[:room], self.now_ns()))
            rest = rest[room:]

    def receive(self, t_deadline_ns: int) -> CanFrame | None:
        """Return the next frame that arrives by the deadline, or None; time runs on to whichever it is."""
        self._require_on()
        while True:
            t_ns = self.now_ns()
            if self._incoming and self._incoming[0].t_done_ns <= max(t_ns, t_deadline_ns):
                arrival = self._incoming.pop(0)
                self._t_ns = max(t_ns, arrival.t_done_ns)
                return arrival.frame
            if t_ns >= t_deadline_ns:
                return None
            self._t_ns = min(t_deadline_ns, t_ns + STEP_NS)
            self._let_pass(self._t_ns)
            self._take(self._bus.advance(self._t_ns))

    def discard(self) -> None:
        """Throw away what arrived and was not received."""
        t_ns = self.now_ns()
        self._incoming = [arrival for arrival in self._incoming if arrival.t_done_ns > t_ns]

    def health(self) -> CanHealth:
        """Return counts since the port was opened."""
        n_errors = self._bus.error_frames - self._n_errors_before
        return CanHealth(error_frames=n_errors, bus_off=self._n_off, queue_full=self._n_full)

    def close(self) -> None:
        """Forget what is underway; the motors stay as they are."""
        self._incoming.clear()

    def _take(self, arrivals: list[Arrival]) -> None:
        for arrival in arrivals:
            # An adapter keeps the order: what was sent later does not overtake what is late.
            t_queued_ns = self._incoming[-1].t_done_ns if self._incoming else 0
            self._incoming.append(Arrival(max(t_queued_ns, arrival.t_done_ns), arrival.frame))

    def _require_on(self) -> None:
        """Raise DeviceLostError where the controller is off the bus and stays off."""
        if not self._bus.faults.bus_off:
            self._is_off = False
            return
        if not self._is_off:
            self._n_off += 1
            self._is_off = True
        self._t_ns = self.now_ns() + BUS_OFF_PATIENCE_NS
        raise DeviceLostError(f"{self._name} is off the bus: too many errors on the wire")
