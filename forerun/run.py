"""Run a robot: command process, policy process and recorder together, until q, Ctrl-C, or the end of the command process.

Keys: space EMERGENCY STOP, c clear a fault or an emergency stop, 1..9 follow an instruction, 0 follow nothing, q end.
Sockets, and whatever the robot file names by a relative path, lie in the working directory (--folder)."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.child_process import ProcessPlan

_LIVE_PORT = 8765  # Foxglove's own


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("robot", type=Path, help="robot file")
    parser.add_argument("--follow", metavar="INSTRUCTION", help="instruction to follow from the start; default none")
    parser.add_argument("--bundle", type=Path, help="bundle instead of the robot file's")
    parser.add_argument("--dry-run", action="store_true", help="do everything but tell the motors anything")
    parser.add_argument("--folder", type=Path, default=Path(), help="working directory; default the present one")
    recorder = parser.add_mutually_exclusive_group()
    recorder.add_argument("--no-record", action="store_true", help="keep no flight record")
    recorder.add_argument(
        "--live", type=int, nargs="?", const=_LIVE_PORT, metavar="PORT",
        help=f"show it to Foxglove or Lichtblick as it happens, on this machine's port; default {_LIVE_PORT}",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Run until asked to end."""
    from datetime import datetime, timezone

    from runtime.calibrated_robot import load_calibrated
    from runtime.run_process import Run, run_robot

    refuse_beside_service(arguments.robot)
    robot = load_calibrated(arguments.robot, now=datetime.now(timezone.utc)).robot  # refused once, not by each process
    plans = _plans(arguments)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(arguments.folder)
    return run_robot(Run(plans=plans, runtime=robot.runtime, dry_run=arguments.dry_run))


def refuse_beside_service(robot: Path) -> None:
    """Refuse the robot that systemd runs already: two sets of processes would wait for one bus."""
    from interfaces.errors import RefusedError
    from interfaces.installed import COMMAND_UNIT, Installation
    from runtime.status.units import read_units

    if robot.resolve() != Installation().robot_file:
        return
    if any(unit.name == COMMAND_UNIT and unit.active not in {"inactive", "failed"} for unit in read_units()):
        raise RefusedError(f"{robot}: systemd runs this robot already; `sudo forerun stop` ends that")


def _plans(arguments: argparse.Namespace) -> list[ProcessPlan]:
    """Return the table of processes, in the order of their start: the recorder first, which should hear the others begin."""
    from runtime.child_process import ProcessPlan

    python = (sys.executable, "-I", "-m")  # isolated, as under systemd: no variable and no folder of the user gets in
    robot = str(arguments.robot.resolve())
    live = () if arguments.live is None else ("--live", str(arguments.live))
    bundle = () if arguments.bundle is None else ("--bundle", str(arguments.bundle.resolve()))
    follow = () if arguments.follow is None else ("--follow", arguments.follow)
    dry_run = ("--dry-run",) if arguments.dry_run else ()
    recorder = ProcessPlan(
        name="recorder",
        command=(*python, "forerun", "record", robot, *live),
        essential=False,
        restarts_max=3,
        stop_s=5.0,
    )
    # What ended the bus's owner concerns people: it is not started again behind their back.
    command = ProcessPlan(
        name="command", command=(*python, "runtime.command_process", robot, *dry_run), essential=True, restarts_max=0, stop_s=5.0
    )  # fmt: skip
    policy = ProcessPlan(
        name="policy", command=(*python, "forerun", "policy", robot, *bundle, *follow), essential=True, restarts_max=None, stop_s=12.0
    )  # fmt: skip
    return [*([] if arguments.no_record else [recorder]), command, policy]
