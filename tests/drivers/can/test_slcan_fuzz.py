"""A long stream of lines of which many are damaged: every whole one comes out, and nothing but our error comes of the others."""

from __future__ import annotations

import random
from collections import deque

import pytest

from drivers.can.port import CanFrame
from drivers.can.slcan_protocol import LineParser, decode_frame, encode_frame
from interfaces.errors import ProtocolError

DAMAGED_RATIO = 0.3


def run(n_frames: int, seed: int) -> tuple[int, int]:
    """Return how many whole lines were sent, and how many damaged ones were refused; fails where a whole one is lost."""
    rng = random.Random(seed)
    parser = LineParser()
    expected: deque[CanFrame] = deque()
    n_whole = n_refused = 0
    is_clean, stream = True, b""  # clean: a line that begins here does not run into garbage
    for _ in range(n_frames):
        frame = a_frame(rng)
        line = encode_frame(frame)
        if rng.random() < DAMAGED_RATIO:
            line = damaged(line, rng)
        elif is_clean:
            expected.append(frame)
            n_whole += 1
        is_clean = line[-1:] in {b"\r", b"\a"} if line else is_clean
        stream += line
        if rng.random() < 0.5:
            continue
        for received in parser.feed(stream):
            n_refused += take(received, expected)
        stream = b""
    for received in parser.feed(stream):
        n_refused += take(received, expected)
    assert not expected
    return n_whole, n_refused


def take(line: bytes, expected: deque[CanFrame]) -> bool:
    """Cross a frame off the list; tell whether the line was refused."""
    try:
        frame = decode_frame(line)
    except ProtocolError:
        return True
    if expected and frame == expected[0]:
        expected.popleft()
    return False


def a_frame(rng: random.Random) -> CanFrame:
    extended = rng.random() < 0.3
    return CanFrame(rng.getrandbits(29 if extended else 11), rng.randbytes(rng.randrange(9)), extended)


def damaged(line: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(line))
    return rng.choice(
        [
            line[:at],
            line[at:],
            line[:at] + rng.randbytes(1) + line[at + 1 :],
            line[:at] + rng.randbytes(rng.randrange(1, 50)) + line[at:],
            rng.randbytes(rng.randrange(80)),
        ]
    )


def test_twenty_thousand_frames() -> None:
    n_whole, n_refused = run(20_000, seed=1)
    assert n_whole > 10_000
    assert n_refused > 1_000


@pytest.mark.slow
def test_a_million_frames() -> None:
    n_whole, n_refused = run(1_000_000, seed=2)
    assert n_whole > 500_000
    assert n_refused > 50_000
