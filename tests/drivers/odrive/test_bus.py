"""Frames at random, on the ids of axes and others: nothing but what an axis can have said is ever believed."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from drivers.can.port import CanFrame, CanHealth
from drivers.odrive import protocol
from drivers.odrive.bus import OdriveBus
from drivers.odrive.protocol import Command

NODE_IDS = (0, 3, 62)


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
        can_id = draw.choice((*NODE_IDS, 33)) << 5 | draw.randrange(32)
        data = draw.randbytes(draw.choice((*range(8), *[8] * 8)))
        return CanFrame(can_id, data, extended=draw.random() < 0.05, remote=draw.random() < 0.05)

    def discard(self) -> None:
        """Nothing waits."""

    def health(self) -> CanHealth:
        return CanHealth(error_frames=0, bus_off=0, queue_full=0)

    def close(self) -> None:
        """Nothing to close."""


def listen(n_frames: int) -> None:
    """Ask while nonsense comes; all that is believed was asked for, and can be decoded."""
    bus = OdriveBus(RandomPort(n_frames), "can0", 1_000_000, {node_id: f"joint_{node_id}" for node_id in NODE_IDS})
    questions = [(node_id, command) for node_id in NODE_IDS for command in (Command.ESTIMATES, Command.BUS)]
    while bus.now_ns() < n_frames * 1000:
        answers = bus.ask(questions, 7_000_000)
        assert answers.keys() <= set(questions)
        for data in answers.values():
            protocol.decode_pair(data)
    assert bus.heartbeats.keys() <= set(NODE_IDS)


def test_ten_thousand_frames() -> None:
    listen(10_000)


@pytest.mark.slow
def test_a_million_frames() -> None:
    listen(1_000_000)
