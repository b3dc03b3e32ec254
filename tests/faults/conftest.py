"""What the tests of faults share: a run folder, and the command process on emulated servos in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.faults.process_rig import FaultRig


@pytest.fixture
def make_rig(folder: Path) -> Iterator[Callable[..., FaultRig]]:
    """Make rigs in the run folder, and end them."""
    with ExitStack() as stack:

        def make(**changes: Any) -> FaultRig:
            return stack.enter_context(FaultRig(folder, **changes))

        yield make


@pytest.fixture
def rig(make_rig: Callable[..., FaultRig]) -> FaultRig:
    """Return a rig as the simulated robot's file says."""
    return make_rig()
