"""The recorder process: writes the flight record of one robot, and shows it live on request. The others never wait for it."""

from __future__ import annotations

import argparse
from pathlib import Path

_LIVE_PORT = 8765  # where Foxglove and Lichtblick look first


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("robot", type=Path, help="robot file")
    parser.add_argument(
        "--live",
        type=int,
        nargs="?",
        const=_LIVE_PORT,
        metavar="PORT",
        help=f"show it to Foxglove or Lichtblick on this machine; default port {_LIVE_PORT}",
    )
    parser.add_argument("--folder", type=Path, help="write there instead of the robot file's folder")


def run(arguments: argparse.Namespace) -> int:
    """Run until interrupted."""
    from runtime.flight.recorder_process import main

    live = [] if arguments.live is None else ["--live", str(arguments.live)]
    folder = [] if arguments.folder is None else ["--folder", str(arguments.folder)]
    return main([str(arguments.robot), *live, *folder])
