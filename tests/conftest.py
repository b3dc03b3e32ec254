"""What the tests of all rooms share. Those against the clock of a machine that has other things to do get a second chance, and a third."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before anything imports numpy. Its linear algebra's threads wait for one another by spinning: on small matrices, and beside other
# work, two of them take three times the processor of one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Real processes, ptys and threads: a machine that stops them for 100 ms makes an arm hold where it would follow. What fails
# is run again, at most twice, and is named as RERUN at the end; what is broken fails three times. `--reruns 0` looks once.
ON_THE_CLOCK = {"bench", "calibration", "drivers", "faults", "forerun", "runtime", "sim"}
RERUNS = 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of these rooms."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in ON_THE_CLOCK:
            item.add_marker(pytest.mark.flaky(reruns=RERUNS))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a run folder with a name short enough for sockets, which pytest's own may not have."""
    with tempfile.TemporaryDirectory(prefix="forerun") as name:
        yield Path(name)
