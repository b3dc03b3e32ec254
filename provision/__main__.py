"""Bring the files that follow from the robot file to what they should be: parts of units, udev rules, the CAN interface.

python -I -m provision /etc/forerun/robot.toml [--root DIR] [--dry-run]

Says each file that is new, changed or removed. Exit status: 0 all is as it should be, 1 a file cannot be written, 2 the robot file
says something that cannot be. Nothing is reloaded: `systemctl daemon-reload`, `udevadm control --reload` and `networkctl reload`
are the caller's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from interfaces.errors import ConfigError
from interfaces.robot_config import load_robot
from provision.accelerators import find_accelerators
from provision.machine_files import machine_files, needed_units
from provision.needed_units import trouble_with
from provision.systemd_version import systemd_version
from provision.written_files import pending, read_noted, write


def main(argv: Sequence[str] | None = None) -> int:
    """Write what is to be written; return the exit status."""
    arguments = _parse(argv)
    root: Path = arguments.root
    try:
        robot = load_robot(arguments.robot)
        adapter = arguments.adapter or read_noted(root).adapter
        files = machine_files(
            robot,
            file=str(arguments.robot),
            accelerators=find_accelerators(root / "dev"),
            adapter=adapter,
            systemd=systemd_version(root),
        )
        if arguments.needs:
            sys.stdout.writelines(f"{unit}\n" for unit in needed_units(robot))
            return 0
        changes = pending(files, root) if arguments.dry_run else write(files, root, adapter)
    except ConfigError as error:
        return _failed(str(error), 2)
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}", 1)
    would = "would be " if arguments.dry_run else ""
    sys.stdout.writelines(f"{would}{change.what}: {change.path}\n" for change in changes)
    if not changes:
        sys.stdout.write(f"unchanged: {len(files)} files that follow from {arguments.robot}\n")
    sys.stdout.writelines(f"{trouble}\n" for unit in needed_units(robot) if (trouble := trouble_with(unit, root)))
    return 0


def _failed(line: str, status: int) -> int:
    sys.stderr.write(f"provision: {line}\n")
    return status


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="provision", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("robot", type=Path, help="the robot file")
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="a tree to write into; default /")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--adapter", metavar="PATH", help="/dev/serial/by-id/...: what a port /dev/forerun-... is")
    parser.add_argument("--needs", action="store_true", help="only say which units of the system must be enabled")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
