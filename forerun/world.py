"""The simulated robot: physics in real time, servos on a serial port, a camera on a cable; all in the working directory."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("robot", type=Path, help="robot file, for example robots/simulated.toml")
    parser.add_argument("--view", action="store_true", help="open MuJoCo's viewer")
    parser.add_argument(
        "--truth", type=Path, help="what is not as the robot file says: a TOML file (docs/calibration/simulation.md)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until interrupted."""
    from sim.world_process import run as run_world

    return run_world(arguments.robot, view=arguments.view, truth_file=arguments.truth)
