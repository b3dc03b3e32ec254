"""Stop an installed robot in order: it brakes and holds, and lets go where its file says so. Only root may (sudo forerun stop)."""

from __future__ import annotations

import argparse

from forerun.defaults import add_robot_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_robot_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Stop it; 0 when all of it stopped, 1 when something goes on, 2 where this machine has no units of forerun."""
    from forerun.defaults import service_place
    from runtime.status.orders import Service, stop
    from runtime.terminal import LiveLine

    with LiveLine() as line:
        return stop(Service(place=service_place(arguments), say=line.say, show=line.show))
