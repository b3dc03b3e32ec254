"""Tell a running robot which instruction of its bundle to follow: its name, or rest (go to the rest pose), or nothing (hold)."""

from __future__ import annotations

import argparse

from forerun.defaults import add_robot_arguments

NOTHING = "nothing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("instruction", help="an instruction of the bundle, rest, or nothing")
    add_robot_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell it; 0 when the policy took it, 1 when it did not, or nobody answers."""
    from forerun.defaults import control_socket
    from runtime.operator_orders import follow

    return follow(control_socket(arguments), None if arguments.instruction == NOTHING else arguments.instruction)
