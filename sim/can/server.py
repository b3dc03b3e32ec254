"""An emulated CAN bus behind an interface of the kernel: every other program finds its motors there, on `vcan0` for instance.

A virtual interface is not paced; frames are held back until they would have left the wire.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from contextlib import suppress

from drivers.can.port import CanFrame
from sim.can.bus import Arrival, CanBus

STEP_S = 0.002  # heartbeats and time-outs on the bus: let time pass so often
_FRAME = struct.Struct("=IB3x8s")  # struct can_frame: Linux, include/uapi/linux/can.h
EXTENDED, REMOTE, ERROR = 0x80000000, 0x40000000, 0x20000000


class CanServer:
    """Serves a bus on an interface, in a thread of its own, from `open` to `close`."""

    def __init__(self, bus: CanBus, interface: str) -> None:
        self._bus = bus
        self._interface = interface
        self.lock = threading.Lock()  # whoever changes nodes or faults meanwhile takes it
        self._thread: threading.Thread | None = None
        self._wake_read = self._wake_write = -1

    def open(self) -> None:
        """Join the interface, and serve; raises OSError where there is none."""
        if self._thread is not None:
            return
        self._socket = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        self._socket.bind((self._interface,))
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="CAN bus", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the interface. The motors stay powered."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        os.write(self._wake_write, b"x")
        thread.join()
        self._socket.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _serve(self) -> None:
        waiting: list[Arrival] = []  # in order
        while True:
            ready, _, _ = select.select([self._socket, self._wake_read], [], [], _wait_s(waiting))
            if self._wake_read in ready:
                return
            frames = self._take_frames() if self._socket in ready else []
            with self.lock:
                waiting += self._bus.handle(frames, time.monotonic_ns())
            waiting.sort(key=lambda arrival: arrival.t_done_ns)
            while waiting and waiting[0].t_done_ns <= time.monotonic_ns():
                with suppress(OSError):  # down, or full: the frame is lost
                    self._socket.send(pack_frame(waiting.pop(0).frame))

    def _take_frames(self) -> list[CanFrame]:
        """Return what others sent; the interface may go, and come back, meanwhile."""
        frames: list[CanFrame] = []
        with suppress(OSError):
            while len(data := self._socket.recv(_FRAME.size, socket.MSG_DONTWAIT)) == _FRAME.size:
                if frame := unpack_frame(data):
                    frames.append(frame)
        return frames


def pack_frame(frame: CanFrame) -> bytes:
    """Return a frame as the kernel's sockets carry it."""
    can_id = frame.can_id | (EXTENDED if frame.extended else 0) | (REMOTE if frame.remote else 0)
    return _FRAME.pack(can_id, len(frame.data), b"" if frame.remote else frame.data)


def unpack_frame(data: bytes) -> CanFrame | None:
    """Return the frame that a socket of the kernel gave, None for the news of an error."""
    can_id, length, content = _FRAME.unpack(data)
    if can_id & ERROR:
        return None
    remote, extended = bool(can_id & REMOTE), bool(can_id & EXTENDED)
    content = bytes(length) if remote else content[:length]
    return CanFrame(can_id & (0x1FFFFFFF if extended else 0x7FF), content, extended, remote)


def _wait_s(waiting: list[Arrival]) -> float:
    return min(STEP_S, max(0, waiting[0].t_done_ns - time.monotonic_ns()) * 1e-9) if waiting else STEP_S
