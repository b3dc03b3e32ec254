"""`forerun calibrate` computes in one thread: an arm that is held is told so in another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import argparse, os, sys
from forerun import calibrate
assert "numpy" not in sys.modules  # or it would have looked already
try:
    calibrate.run(argparse.Namespace(what="hand-eye", rest=["--help"]))
except SystemExit:
    assert "numpy" in sys.modules
    print("threads", os.environ["OPENBLAS_NUM_THREADS"])
"""


def test_numpy_is_told_so_before_it_is_imported() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    command = (sys.executable, "-c", PROGRAM)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("threads 1\n")
