"""Frames at random, on the ids of drives and others: nothing but what a drive can have said is ever believed."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from drivers.can.port import CanFrame, CanHealth
from drivers.cia402 import protocol
from drivers.cia402.bus import Cia402Bus

NODE_IDS = (1, 7, 127)
KINDS = (0x000, 0x080, 0x180, 0x200, 0x280, 0x380, 0x580, 0x600, 0x700)


class RandomPort:
    """A port on which somebody talks nonsense, a frame a microsecond; what is sent is answered by nobody."""

    def __init__(self, n_frames: int) -> None:
        self._random = random.Random(0)
        self._n_left = n_frames
        self._t_ns = 0

    def now_ns(self) -> int:
        return self._t_ns

    def send(self, frames: Sequence[CanFrame]) -> None:
        """Nobody hears it."""

    def receive(self, t_deadline_ns: int) -> CanFrame | None:
        if not self._n_left or self._t_ns >= t_deadline_ns:
            self._t_ns = max(self._t_ns, t_deadline_ns)
            return None
        self._n_left -= 1
        self._t_ns += 1000
        draw = self._random
        can_id = draw.choice(KINDS) + draw.choice((*NODE_IDS, 33))
        data = draw.randbytes(draw.randrange(9))
        return CanFrame(can_id, data, extended=draw.random() < 0.05, remote=draw.random() < 0.05)

    def discard(self) -> None:
        """Nothing waits."""

    def health(self) -> CanHealth:
        return CanHealth(error_frames=0, bus_off=0, queue_full=0)

    def close(self) -> None:
        """Nothing to close."""


def listen(n_frames: int) -> None:
    """Run cycles while nonsense comes; all that is kept must be decodable, and none of it unasked."""
    bus = Cia402Bus(RandomPort(n_frames), "can0", {node_id: f"joint_{node_id}" for node_id in NODE_IDS}, 10**8)
    bus.is_beating = True
    bus.wait(lambda: False, 100_000)
    assert not any(drive.status or drive.motion for drive in bus.drives.values())  # no SYNC, no answer
    while bus.now_ns() < n_frames * 1000:
        bus.cycle([], 300_000)
        for drive in bus.drives.values():
            if drive.status:
                protocol.decode_status(drive.status)
            if drive.motion:
                protocol.decode_motion(drive.motion)
            assert drive.millivolts is None  # no drive was found to know it
            assert drive.nmt_state in {None, *protocol.NmtState}


def test_ten_thousand_frames() -> None:
    listen(10_000)


@pytest.mark.slow
def test_a_million_frames() -> None:
    listen(1_000_000)
