"""The policy process: camera and inference of one robot.

It follows what --follow says, else what the robot file says in policy.follow, else nothing until it is told to over its control
socket."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from drivers.camera import Camera
from interfaces.camera_config import CameraConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("robot", type=Path, help="robot file")
    bundle = parser.add_mutually_exclusive_group()
    bundle.add_argument("--bundle", type=Path, help="bundle instead of the robot file's")
    bundle.add_argument(
        "--shelf",
        type=Path,
        metavar="DIR",
        help="run the bundle that is in charge in this folder (forerun bundle); where none is, the robot file's",
    )
    parser.add_argument("--follow", help="instruction to follow from the start, instead of the robot file's")


def run(arguments: argparse.Namespace) -> int:
    """Run until interrupted."""
    import faulthandler

    from runtime.policy_process import run as run_policy
    from runtime.unblocking_log import log_to

    faulthandler.enable()  # a watchdog's SIGABRT then tells where every thread stood
    log_to(sys.stderr.fileno(), "policy")
    return run_policy(
        arguments.robot, make_camera, follow=arguments.follow, bundle_path=arguments.bundle, shelf=arguments.shelf
    )


def make_camera(config: CameraConfig) -> Camera:
    """Return the camera of a robot file; this is the one place where the simulated one is put in."""
    if config.driver == "simulated":
        from sim.camera.link import CAMERA_SOCKET
        from sim.camera.software_realsense import SimulatedCamera

        return SimulatedCamera(config, Path(CAMERA_SOCKET))
    from drivers.open_camera import open_camera

    return open_camera(config)
