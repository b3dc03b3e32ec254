"""A cable between computer and adapter that can be pulled: every call fails from then on, until the port is opened again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.can.port import CanFrame, CanHealth, CanOpener, CanPort
from drivers.serial.port import BytePort, PortOpener
from interfaces.errors import DeviceLostError


class Cable:
    """Whether it is plugged in, how often it was pulled, and which order gets lost on it; joins ports to it."""

    def __init__(self) -> None:
        self.plugged = True
        self._n_pulled = 0
        self._n_until_lost: int | None = None

    def pull(self) -> None:
        """Pull it: what is open is gone for good."""
        self.plugged = False
        self._n_pulled += 1

    def plug(self) -> None:
        """Put it back: ports can be opened again."""
        self.plugged = True

    def lose(self, n_later: int) -> None:
        """Lose one order: the next, 0, or one so many later."""
        self._n_until_lost = n_later

    def carries(self) -> bool:
        """Return whether an order that is sent now gets to the motors."""
        if self._n_until_lost is None:
            return True
        self._n_until_lost -= 1
        if self._n_until_lost >= 0:
            return True
        self._n_until_lost = None
        return False

    def serial(self, open_port: PortOpener) -> PortOpener:
        """Return an opener of ports that hang on this cable."""
        return lambda path, baud_hz: _SerialPort(open_port(path, baud_hz), self, path)

    def can(self, open_port: CanOpener) -> CanOpener:
        """Return an opener of ports that hang on this cable."""
        return lambda port, baud_hz: _CanPort(open_port(port, baud_hz), self, port)

    def check(self, port: str) -> Callable[[], None]:
        """Return what raises DeviceLostError once the cable was pulled; raises it now where it is."""
        n_pulled = self._n_pulled

        def look() -> None:
            if not self.plugged or self._n_pulled != n_pulled:
                raise DeviceLostError(f"{port} is gone: the cable is pulled")

        look()
        return look


class OnACable:
    """The half of an ArmRig that is about its cable."""

    _cable: Cable

    def unplug(self) -> None:
        """Pull the cable between adapter and computer."""
        self._cable.pull()

    def plug(self) -> None:
        """Put it back."""
        self._cable.plug()

    def lose(self, n_later: int) -> None:
        """Lose one order on its way to the motors: the next, 0, or one so many later."""
        self._cable.lose(n_later)


class _SerialPort:
    def __init__(self, port: BytePort, cable: Cable, path: str) -> None:
        self._port, self._cable, self._look = port, cable, cable.check(path)
        self.now_ns = port.now_ns
        self.close = port.close

    def write(self, data: bytes) -> None:
        self._look()
        if self._cable.carries():
            self._port.write(data)

    def read(self, count: int, t_deadline_ns: int) -> bytes:
        self._look()
        return self._port.read(count, t_deadline_ns)

    def discard(self) -> None:
        self._look()
        self._port.discard()


class _CanPort:
    def __init__(self, port: CanPort, cable: Cable, name: str) -> None:
        self._port, self._cable, self._look = port, cable, cable.check(name)
        self.now_ns = port.now_ns
        self.close = port.close

    def send(self, frames: Sequence[CanFrame]) -> None:
        self._look()
        self._port.send([frame for frame in frames if self._cable.carries()])

    def receive(self, t_deadline_ns: int) -> CanFrame | None:
        self._look()
        return self._port.receive(t_deadline_ns)

    def discard(self) -> None:
        self._look()
        self._port.discard()

    def health(self) -> CanHealth:
        return self._port.health()
