"""What the sub-commands take when they are told nothing."""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from interfaces.errors import ForerunError, RefusedError
from interfaces.installed import OPERATOR_SOCKET, SERVICE_USER, Installation

if TYPE_CHECKING:
    from runtime.status.gather import RobotPlace

EXAMPLE_ROBOT = Path(__file__).parents[1] / "robots" / "so101.toml"
SIMULATED_ROBOT = Path(__file__).parents[1] / "robots" / "simulated.toml"
TASKS = ("reach", "push", "press", "lift", "choose")
SHIFTS = ("none", "camera", "looks", "clutter", "pushed")
BUSES = ("feetech", "dynamixel", "damiao", "robstride", "odrive", "cia402")  # families of motors with a driver


@dataclass(frozen=True, slots=True)
class MeantRobot:
    """The robot that a person means: its file, and the folder its sockets lie in."""

    file: Path
    folder: Path
    installed: bool  # the one that this machine's units run


def add_robot_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which robot is meant, and where it runs."""
    parser.add_argument("robot", type=Path, nargs="?", help="robot file; default the installed robot's")
    add_folder_argument(parser)


def add_folder_argument(parser: argparse.ArgumentParser) -> None:
    """Declare where the robot meant runs."""
    parser.add_argument(
        "--folder", type=Path,
        help="the robot's working directory; default /run/forerun for the installed robot, else the present one",
    )  # fmt: skip


def meant_robot(robot: Path | None, folder: Path | None, installation: Installation | None = None) -> MeantRobot:
    """Return the robot meant; what is given wins. Raises RefusedError where none is given, and none is installed."""
    there = installation or Installation()
    if robot is None and not _is_there(there.robot_file):
        raise RefusedError(_why_none(there))
    installed = robot is None or _same(robot, there.robot_file)
    file = there.robot_file if robot is None else robot
    return MeantRobot(file, folder or (there.run if installed else Path()), installed)


def operator_socket(arguments: argparse.Namespace, installation: Installation | None = None) -> Path:
    """Return where a person reaches the command process of the robot meant; raises RefusedError where they may not.

    A running robot is stopped also where its file was spoiled or removed since: the installed one then where it usually listens.
    """
    from interfaces.robot_config import load_robot

    there = installation or Installation()
    usual = there.run / OPERATOR_SOCKET
    try:
        meant = meant_robot(arguments.robot, arguments.folder, there)
        return reachable(meant.folder / load_robot(meant.file).runtime.operator_socket)
    except ForerunError:
        if arguments.folder is None and arguments.robot in {None, there.robot_file} and _is_there(usual):
            return reachable(usual)
        raise


def control_socket(arguments: argparse.Namespace) -> Path:
    """Return where a person reaches the policy process of the robot meant; raises RefusedError where they may not."""
    from interfaces.robot_config import load_robot

    meant = meant_robot(arguments.robot, arguments.folder)
    return reachable(meant.folder / load_robot(meant.file).runtime.control_socket)


def status_place(arguments: argparse.Namespace) -> RobotPlace:
    """Return the robot meant, to be asked how it is; raises RefusedError where it may not be asked."""
    from interfaces.robot_config import load_robot

    place = service_place(arguments)
    reachable(place.folder / load_robot(place.file).runtime.operator_socket)
    return place


def service_place(arguments: argparse.Namespace) -> RobotPlace:
    """Return the robot meant, of which nobody may be there yet."""
    from interfaces.robot_config import load_robot
    from runtime.status.gather import RobotPlace

    meant, there = meant_robot(arguments.robot, arguments.folder), Installation()
    records = there.state / "flight" if meant.installed else meant.folder / load_robot(meant.file).record.folder
    return RobotPlace(meant.file, meant.folder, records)


def reachable(socket: Path, may: Callable[[Path, int], bool] = os.access) -> Path:
    """Return `socket`; raises RefusedError, with what to do, where it is there and this person may not use it."""
    denied = (_is_there(socket.parent) and not may(socket.parent, os.X_OK)) or (
        _is_there(socket) and not may(socket, os.W_OK)
    )
    if denied:
        raise RefusedError(
            f"{socket}: {getpass.getuser()} may not ask this robot; join its group:"
            f" sudo usermod -aG {SERVICE_USER} {getpass.getuser()}, then log in again"
        )
    return socket


def _why_none(there: Installation) -> str:
    if not there.current.is_dir():
        return f"which robot? Give its file: none is installed on this machine ({there.robot_file})"
    return (
        f"{there.robot_file} is not there yet: `sudo forerun devices --port PORT --write {there.robot_file}` drafts it,"
        " and `sudo ./install.sh install` fits the units to it"
    )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # not for our eyes: whoever asks for it will be told
        return False


def count(text: str) -> int:
    """Read a number of things of which there must be one; argparse says what else it is."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, 1 or more")
    return value
