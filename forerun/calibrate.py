"""Calibrate a robot, guided step by step: forerun calibrate WHAT ROBOT.toml; WHAT --help tells more.

Ctrl-C at any moment gives up: the motors are left as they were found, and the record of before is kept.
Exit status: 0 measured and good, 1 not good enough, 2 refused, 130 given up."""

from __future__ import annotations

import argparse
import getpass
import importlib
import os
from pathlib import Path
from types import ModuleType

# what -> (module with add_arguments and run, what it is for); in the order of a robot's first evening
PROGRAMS = {
    "joints": ("calibration.joints.program", "where each joint's zero is, and how far it turns"),
    "servo": ("calibration.servo.program", "friction, backlash and following error of each joint; suggests limits"),
    "camera": ("calibration.camera.program", "the lens: checks its maker's values with a board, or finds better ones"),
    "hand-eye": ("calibration.hand_eye.program", "where the camera stands, as the arm sees it"),
    "latency": ("calibration.latency.program", "how late commands become motion, and how late pictures are stamped"),
    "view": ("calibration.view.program", "what the camera sees now, to know later whether it was moved"),
    "capture": ("calibration.capture.program", "frames and states all over the workspace, for quantisation"),
    "status": ("calibration.records.status", "all records of the robot, and what is missing"),
    "export": ("calibration.records.export_program", "a robot's records into one file"),
    "import": ("calibration.records.import_program", "and out of one"),
    "lerobot": ("calibration.lerobot.program", "read or write LeRobot's calibration file of the same arm"),
}
TOOLS = {  # need no robot
    "board": ("calibration.board.program", "print the board that camera and hand-eye are calibrated with"),
    "chain": ("calibration.geometry.program", "an arm's links from its URDF, for the robot file"),
}
ASK_NOTHING = {"status", "export", "import", "lerobot"}
WITHOUT_MOTORS = {"camera", *ASK_NOTHING}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; those of each program follow its name."""
    lines = [f"  {what:<9} {purpose}" for what, (_, purpose) in {**PROGRAMS, **TOOLS}.items()]
    parser.epilog = "\n".join(("WHAT:", *lines))
    parser.add_argument("what", choices=[*PROGRAMS, *TOOLS], metavar="WHAT", help="one of those below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="its own options")


def run(arguments: argparse.Namespace) -> int:
    """Run one program."""
    # Of matrices as small as these, more threads only wait for each other, and an arm that is held waits for them. numpy looks
    # here when it is first imported, which is below.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    what: str = arguments.what
    program = importlib.import_module({**PROGRAMS, **TOOLS}[what][0])
    parser = argparse.ArgumentParser(
        prog=f"forerun calibrate {what}",
        description=program.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if what in TOOLS:
        program.add_arguments(parser)
        return int(program.run(parser.parse_args(arguments.rest)))
    parser.add_argument("robot", type=Path, help="robot file")
    parser.add_argument("--yes", action="store_true", help="ask nothing: every question is answered as ENTER would")
    parser.add_argument("--operator", default="", help="your name, for the record; default that of your account")
    parser.add_argument("--pictures", type=Path, help="folder for pictures to look at; default beside the records")
    program.add_arguments(parser)
    return _run_with_robot(what, program, parser.parse_args(arguments.rest))


def _run_with_robot(what: str, program: ModuleType, arguments: argparse.Namespace) -> int:
    from contextlib import nullcontext

    from calibration.guardian import Guardian
    from forerun.workplace import workplace_for

    if what in ASK_NOTHING:  # nobody answers as ENTER would, for nobody is asked
        arguments.yes, arguments.operator = True, arguments.operator or getpass.getuser()
    workplace = workplace_for(what, arguments)
    with nullcontext() if without_motors(what, arguments) else Guardian(arguments.robot, stands=what == "joints"):
        return int(program.run(workplace, arguments))


def without_motors(what: str, arguments: argparse.Namespace) -> bool:
    """Return whether a program leaves the arm alone, so that it may as well be without power, or busy."""
    only_looks = what == "view" and (arguments.check or arguments.watch)
    return what in WITHOUT_MOTORS or only_looks
