"""What the tests of the command loop share: loops in this process take its signals."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder(folder: Path) -> Iterator[Path]:
    """Return the run folder; signal handlers are put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield folder
    for number, handler in before.items():
        signal.signal(number, handler)
