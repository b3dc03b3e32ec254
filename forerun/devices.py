"""List what a robot may be made of: cameras, servos behind serial adapters, motors on CAN. Only asks; moves and writes nothing.

--write drafts a robot file from what was found. `forerun devices set-id --port PORT --id N` gives the only servo on a line the id N:
that does write into the servo, after asking. Exit status: 0 something was found and all was looked at, 1 otherwise."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from forerun.defaults import EXAMPLE_ROBOT

if TYPE_CHECKING:
    from drivers.find.everything import Findings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", nargs="?", choices=["list", "set-id"], default="list", help="default list")
    parser.add_argument("--port", default="", help="look at this alone: /dev/ttyUSB0, can0, slcan:/dev/ttyACM0")
    parser.add_argument("--bitrate", type=int, default=1_000_000, help="of a bus behind slcan:; default 1000000")
    parser.add_argument("--thorough", action="store_true", help="ask each id at each rate; takes minutes a port")
    parser.add_argument("--json", action="store_true", help="for programs, to standard output")
    parser.add_argument("--write", type=Path, metavar="FILE", help="draft a robot file from what was found")
    parser.add_argument("--force", action="store_true", help="write over FILE")
    parser.add_argument("--id", type=int, metavar="N", help="with set-id: the new id")
    parser.add_argument("--family", choices=["feetech", "dynamixel"], help="with set-id: look for these alone")
    parser.add_argument("--yes", action="store_true", help="with set-id: do not ask")


def run(arguments: argparse.Namespace) -> int:
    """Look, and show."""
    if arguments.action == "set-id":
        from forerun.device_id import set_id

        return set_id(arguments.port, arguments.id, arguments.family, sure=arguments.yes, thorough=arguments.thorough)
    from drivers.find.everything import Findings
    from drivers.find.robot_draft import refuse_overwriting

    if arguments.write:  # before the search, which takes its time
        refuse_overwriting(arguments.write, force=arguments.force)
    findings = Findings()
    try:
        _search(arguments, findings)
    except KeyboardInterrupt:  # what was found before
        _show(findings, as_json=arguments.json)
        raise
    _show(findings, as_json=arguments.json)
    if arguments.write:
        _write(arguments, findings)
    return 0 if findings.anything and not findings.skipped else 1


def _search(arguments: argparse.Namespace, findings: Findings) -> None:
    from drivers.find.everything import Search, find_everything
    from forerun.device_tables import bar
    from runtime.terminal import LiveLine

    search = Search(
        port=arguments.port,
        cameras=bool(arguments.write) or not arguments.port,  # a robot file names them
        thorough=arguments.thorough,
        bitrate_hz=arguments.bitrate,
    )
    with LiveLine() as line:
        find_everything(search, lambda what, share: line.show(f"{bar(share)} {what}"), findings)


def _show(findings: Findings, *, as_json: bool) -> None:
    from forerun.device_tables import as_text, tables

    print(as_text(findings) if as_json else tables(findings))


def _write(arguments: argparse.Namespace, findings: Findings) -> None:
    from drivers.find.robot_draft import draft_robot, write_draft

    text = draft_robot(findings, arguments.write, EXAMPLE_ROBOT.read_text(encoding="utf-8"))
    write_draft(arguments.write, text, force=arguments.force)
    n_open = text.count("FILL IN")
    # Not among what a program reads.
    print(f"wrote {arguments.write}: it loads as it is; {n_open} lines say FILL IN", file=sys.stderr)
