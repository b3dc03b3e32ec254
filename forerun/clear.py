"""Clear a fault or an emergency stop of a running robot, once you looked and found going on safe: it follows the next fresh chunk."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("robot", type=Path, help="robot file")
    parser.add_argument("--why", default="", help="a word for the record")
    parser.add_argument(
        "--folder", type=Path, default=Path(), help="the robot's working directory; default the present one"
    )


def run(arguments: argparse.Namespace) -> int:
    """Clear it; 0 when it is cleared, 1 when it is refused, or nobody answers."""
    from interfaces.robot_config import load_robot
    from runtime.operator_orders import clear

    return clear(arguments.folder / load_robot(arguments.robot).runtime.operator_socket, arguments.why)
