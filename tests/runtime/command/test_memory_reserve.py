"""A process that the machine gives nothing any more lives on its reserve; without one it does not: each in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.command.memory_reserve import reserve_memory

REPOSITORY = Path(__file__).parents[3]

# Take what numpy and small objects want, again and again, as periods do, with nothing more to be had from the machine.
PERIODS = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import numpy as np
from runtime.command.memory_reserve import reserve_memory

def size_kb(key):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))

before = size_kb("VmRSS:")
reserve = reserve_memory() if sys.argv[2] == "reserved" else None
print("resident", size_kb("VmRSS:") - before)
resource.setrlimit(resource.RLIMIT_AS, (size_kb("VmSize:") * 1024, resource.RLIM_INFINITY))
for _ in range(20):
    large = [np.ones(1024) for _ in range(250)]
    small = [bytes(400) for _ in range(5000)]
    chunk = np.ones(50_000).tobytes()
    del large, small, chunk
print("lived")
"""


def periods(how: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-c", PERIODS, str(REPOSITORY), how]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps a heap")
def test_it_lives_on_what_it_reserved_and_only_on_that() -> None:
    assert "MemoryError" in periods("without").stderr
    ran = periods("reserved")
    assert "lived" in ran.stdout, ran.stderr
    resident_kb = int(ran.stdout.split()[1])
    assert 8_000 <= resident_kb <= 16_000


def test_one_small_object_stays_in_each_arena_and_the_depth_of_calls_is_as_before() -> None:
    limit = sys.getrecursionlimit()
    reserve = reserve_memory()
    assert sys.getrecursionlimit() == limit
    assert len(reserve.stays) * 64 * 1024 == reserve.arenas_bytes
