"""Show a robot live in the terminal: state, joints, rates and ages, what happened.

Keys: q ends; space is the EMERGENCY STOP. No other key does anything to the robot."""

from __future__ import annotations

import argparse

from forerun.defaults import add_robot_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_robot_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show it until q."""
    from forerun.defaults import status_place
    from runtime.status.top import show

    return show(status_place(arguments))
