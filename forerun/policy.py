"""The policy process: camera and inference of one robot. It follows nothing until it is told to, by --follow or over its control socket."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from drivers.camera import Camera
from interfaces.camera_config import CameraConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("robot", type=Path, help="robot file")
    parser.add_argument("--bundle", type=Path, help="bundle instead of the robot file's")
    parser.add_argument("--follow", help="instruction to follow from the start")


def run(arguments: argparse.Namespace) -> int:
    """Run until interrupted."""
    from runtime.policy_process import run as run_policy
    from runtime.unblocking_log import log_to

    log_to(sys.stderr.fileno(), "policy")
    return run_policy(arguments.robot, make_camera, follow=arguments.follow, bundle_path=arguments.bundle)


def make_camera(config: CameraConfig) -> Camera:
    """Return the camera of a robot file; this is the one place where the simulated one is put in."""
    if config.driver == "simulated":
        from sim.camera.link import CAMERA_SOCKET
        from sim.camera.software_realsense import SimulatedCamera

        return SimulatedCamera(config, Path(CAMERA_SOCKET))
    from drivers.open_camera import open_camera

    return open_camera(config)
