"""Start an installed robot, also out of its safe state, and wait until it holds its arm. Only root may (sudo forerun start)."""

from __future__ import annotations

import argparse

from forerun.defaults import add_robot_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_robot_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Start it; 0 when all is well then, 1 when it is not, 2 where this machine has no units of forerun."""
    from forerun.defaults import service_place
    from runtime.status.orders import Service, start
    from runtime.terminal import LiveLine

    with LiveLine() as line:
        return start(Service(place=service_place(arguments), say=line.say, show=line.show))
