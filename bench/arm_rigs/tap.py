"""A node of an emulated CAN bus that says nothing, and keeps what the host sends."""

from __future__ import annotations

from drivers.can.port import CanFrame


class Tap:
    """A CanNode of sim/can/bus.py beside the motors, which hears everything; `frames` may be cleared at any time."""

    def __init__(self) -> None:
        self.frames: list[CanFrame] = []

    def hear(self, frame: CanFrame, t_now_ns: int) -> list[CanFrame]:
        """Keep a frame."""
        del t_now_ns
        self.frames.append(frame)
        return []

    def advance(self, t_now_ns: int) -> list[CanFrame]:
        """Say nothing."""
        del t_now_ns
        return []

    def power_on(self) -> None:
        """Keep what was heard: it has a supply of its own."""

    def data(self, can_id: int) -> list[str]:
        """Return the data of frames with one id, in hexadecimal, in order."""
        return [frame.data.hex(" ").upper() for frame in self.frames if frame.can_id == can_id]
