"""Memory is what a process grew by, and a program that fails says why."""

import sys

import pytest

from bench.latency.memory import grown_bytes, resident_bytes
from interfaces.errors import DeviceError

GROWS = """
from bench.latency.memory import resident_bytes
before = resident_bytes()
kept = bytearray(b"x") * 50_000_000
print("words of a library")
print(resident_bytes() - before)
"""


def test_what_a_process_takes_is_seen() -> None:
    assert resident_bytes() > 1_000_000
    assert 48e6 < grown_bytes((sys.executable, "-c", GROWS)) < 80e6


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(DeviceError, match="ended with 1 and said: ValueError: no such engine"):
        grown_bytes((sys.executable, "-c", "raise ValueError('no such engine')"))
    with pytest.raises(DeviceError, match="ended with 0"):
        grown_bytes((sys.executable, "-c", "print('nothing of the kind')"))
