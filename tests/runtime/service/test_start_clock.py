"""The start of a process is counted from where the kernel began it."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys, time
time.sleep(0.3)
sys.path.insert(0, sys.argv[1])
from runtime.service.start_clock import StartClock
clock = StartClock()
clock.done("imports")
time.sleep(0.4)
clock.done("bundle")
print(clock.words())
"""


def test_each_step_is_told_and_the_whole_is_their_sum() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(ROOT)], capture_output=True, text=True, check=True)
    found = re.fullmatch(r"([\d.]+) s after its start \(imports ([\d.]+) s, bundle ([\d.]+) s\)", done.stdout.strip())
    assert found, done.stdout
    whole, imports, bundle = (float(value) for value in found.groups())
    assert imports >= 0.3
    assert bundle >= 0.4
    assert abs(whole - imports - bundle) <= 0.11  # each is rounded
