"""Stop a running robot at once: it brakes and holds, until `forerun clear`."""

from __future__ import annotations

import argparse
import sys

from forerun.defaults import add_robot_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_robot_arguments(parser)
    parser.add_argument("--why", default="", help="a word for the record")
    parser.add_argument("--key", action="store_true", help="wait, and stop it when any key is pressed")


def run(arguments: argparse.Namespace) -> int:
    """Stop it; 0 when it says that it stopped, 1 when nobody answers."""
    from forerun.defaults import operator_socket
    from interfaces.errors import ForerunError
    from runtime.operator_orders import stop_at_key, stop_now

    try:
        socket = operator_socket(arguments)
    except ForerunError as error:  # whoever asked for a stop must not overlook that there was none
        print(f"NOT STOPPED: {error}", file=sys.stderr)
        return 1
    return stop_at_key(socket, arguments.why) if arguments.key else stop_now(socket, arguments.why)
