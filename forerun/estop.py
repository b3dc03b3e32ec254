"""Stop a running robot at once: it brakes and holds, until `forerun clear`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("robot", type=Path, help="robot file")
    parser.add_argument("--why", default="", help="a word for the record")
    parser.add_argument("--key", action="store_true", help="wait, and stop it when any key is pressed")
    parser.add_argument(
        "--folder", type=Path, default=Path(), help="the robot's working directory; default the present one"
    )


def run(arguments: argparse.Namespace) -> int:
    """Stop it; 0 when it says that it stopped, 1 when nobody answers."""
    from interfaces.robot_config import load_robot
    from runtime.operator_orders import stop_at_key, stop_now

    socket = arguments.folder / load_robot(arguments.robot).runtime.operator_socket
    return stop_at_key(socket, arguments.why) if arguments.key else stop_now(socket, arguments.why)
