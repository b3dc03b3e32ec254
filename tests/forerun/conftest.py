"""What the tests of the sub-commands share: a command process to ask and to stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.command_rig import EmulatedServos, RunningCommand
from interfaces.messages import CommandState


@pytest.fixture
def command(folder: Path) -> Iterator[RunningCommand]:
    """Return a command process that is ready, on emulated servos."""
    with EmulatedServos(folder), RunningCommand(folder) as made:
        made.wait_for(CommandState.READY)
        yield made
