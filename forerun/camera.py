"""Record a RealSense into a .db3 file, or play one through the driver: all frames, in order, the same every time.

  forerun camera record ROBOT.toml FILE.db3 --seconds 10
  forerun camera play ROBOT.toml FILE.db3

Size, rate, filters and alignment are those of the robot file; a recording holds the camera's own frames, before filters.
Exit status: 0 where there was a frame, 1 where there was none.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("record", "play"))
    parser.add_argument("robot", type=Path, help="robot file")
    parser.add_argument("file", type=Path, help="the recording: .db3 (.bag is played, too)")
    parser.add_argument("--camera", help="its name in the robot file; default the first")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to record; default 10")


def run(arguments: argparse.Namespace) -> int:
    """Record or play, and print what there was."""
    from drivers.realsense.takes import play, record
    from interfaces.errors import RefusedError
    from interfaces.robot_config import load_robot

    cameras = {camera.name: camera for camera in load_robot(arguments.robot).cameras}
    name = arguments.camera or next(iter(cameras))
    if name not in cameras:
        raise RefusedError(f"{arguments.robot}: has no camera {name}; it has {', '.join(cameras)}")
    config, file = cameras[name], arguments.file
    take = record(config, file, arguments.seconds) if arguments.action == "record" else play(config, file)
    print(f"{arguments.file}: {take.frames} frames, {take.lost} lost, sha256 of the pictures {take.digest[:16]}")
    facts = take.facts
    if facts is not None:
        depth = f", depth {facts.depth.width_px}x{facts.depth.height_px}" if facts.depth else ""
        print(
            f"{facts.name} {facts.serial}, firmware {facts.firmware}, USB {facts.usb or '-'}, clock {facts.stamp_domain},"
            f" colour {facts.colour.width_px}x{facts.colour.height_px}{depth}"
        )
    return 0 if take.frames else 1
