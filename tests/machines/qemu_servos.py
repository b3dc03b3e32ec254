"""Six emulated Feetech servos at the far end of the virtual machine's USB adapter: bytes over a unix socket, on this side of it."""

from __future__ import annotations

import select
import socket
import threading
import time
from pathlib import Path
from types import TracebackType

from sim.feetech.bus import Reply
from sim.feetech.bus_process import rigid_servo_bus

IDLE_S = 0.05


class ServosOnSocket:
    """Serves a servo bus over the socket at `path`, in a thread of its own, for as long as the `with` block lasts.

    The machine forgets the rate that its adapter is set to: what is spoken here is always 1 Mbit/s.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._bus = rigid_servo_bus()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="servo bus", daemon=True)

    def __enter__(self) -> ServosOnSocket:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        waiting: list[Reply] = []  # in order
        while not self._ending.is_set():
            wait_s = max(0, waiting[0].t_done_ns - time.monotonic_ns()) * 1e-9 if waiting else IDLE_S
            if select.select([self._socket], [], [], wait_s)[0]:
                data = self._socket.recv(4096)
                if not data:
                    return
                waiting += self._bus.handle(data, time.monotonic_ns())
            while waiting and waiting[0].t_done_ns <= time.monotonic_ns():
                self._socket.sendall(waiting.pop(0).data)
