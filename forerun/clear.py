"""Clear a fault or an emergency stop of a running robot, once you looked and found going on safe: it follows the next fresh chunk."""

from __future__ import annotations

import argparse

from forerun.defaults import add_robot_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_robot_arguments(parser)
    parser.add_argument("--why", default="", help="a word for the record")


def run(arguments: argparse.Namespace) -> int:
    """Clear it; 0 when it is cleared, 1 when it is refused, or nobody answers."""
    from forerun.defaults import operator_socket
    from runtime.operator_orders import clear

    return clear(operator_socket(arguments), arguments.why)
