"""Test an installation before it is used: packages, modules, bundles with their references, and the command process on emulated servos.

Neither bus nor camera is touched. install.sh runs it as the user of the services before it switches to a new version.
Exit status: 0 it may be used, 1 it may not, 2 it may, but this robot file may not."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("robot", type=Path, nargs="?", help="robot file to read and judge, too; nothing of it is moved")


def run(arguments: argparse.Namespace) -> int:
    """Run it, line by line."""
    from bench.self_test import ROBOT_FILE_ROW, self_test

    failed: set[str] = set()
    for row in self_test(arguments.robot):
        failed |= {row.name} if row.failed else set()
        print(f"  {row.verdict:<6}  {row.name:<11}  {row.what}", flush=True)
    return 2 if failed == {ROBOT_FILE_ROW} else int(bool(failed))
