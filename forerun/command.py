"""The command process: the bus of one robot, at its fixed rate. It listens for a policy, and holds the arm when there is none."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("robot", type=Path, help="robot file")
    parser.add_argument("--log", type=Path, help="write the record of every period to this .npz at the end")
    parser.add_argument("--dry-run", action="store_true", help="measure the arm, and tell the motors nothing")


def run(arguments: argparse.Namespace) -> int:
    """Run until interrupted."""
    from runtime.command_process import main

    log = ["--log", str(arguments.log)] if arguments.log else []
    return main([str(arguments.robot), *log, *(["--dry-run"] if arguments.dry_run else [])])
