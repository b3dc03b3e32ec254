"""Say what is wrong with this machine and this robot, with figures, and for each thing the command that mends it. Nothing is changed.

With --loop it runs the real loop, hands off the robot: the command process under load, with a policy that proposes chunks, on
emulated servos, or with --on-robot on the robot's own bus, of which it only asks. Exit status 0 when nothing is bad, else 1."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from forerun.defaults import SIMULATED_ROBOT, add_folder_argument, meant_robot
from interfaces.installed import Installation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.doctor.examination import Findings, Plan
    from runtime.terminal import LiveLine

_QUIET_S = 1.0  # what takes longer shows what it waits for
_STANDARD_OUTPUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from bench.doctor.check import GROUPS, LOOP_GROUP

    parser.add_argument(
        "robot", type=Path, nargs="?", help="robot file; default the installed robot's, else the simulated SO-101"
    )
    parser.add_argument("--loop", action="store_true", help="run the loop under load")
    parser.add_argument(
        "--on-robot", action="store_true", help="run it on the robot's own bus; nothing is sent to the motors"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of the loop; default 60")
    parser.add_argument(
        "--only", choices=(LOOP_GROUP, *GROUPS), action="append", default=[], metavar="GROUP",
        help=f"this group of checks alone, which then has longer to answer; may be repeated:\n{', '.join((LOOP_GROUP, *GROUPS))}",
    )  # fmt: skip
    parser.add_argument(
        "--json", metavar="FILE", help="write the findings there, too; - prints them instead of the table"
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE.tar.gz", help="write what people send when they ask for help"
    )
    add_folder_argument(parser)
    parser.add_argument(
        "--root", type=Path, default=Path("/"), help="examine the machine whose files lie below this folder; asks no program"
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Examine, and print the table."""
    from bench.doctor.check import Verdict
    from bench.doctor.report import conclusion, findings_json, table, write_json
    from runtime.terminal import LiveLine

    plan = _plan(arguments)
    with LiveLine() as line:
        findings = _examine(arguments, plan, line)
    if arguments.json == _STANDARD_OUTPUT:
        print(findings_json(findings.title, findings.groups))
    else:
        print(table(findings.title, findings.groups))
        print(conclusion(findings.groups))
    if arguments.json and arguments.json != _STANDARD_OUTPUT:
        write_json(Path(arguments.json), findings.title, findings.groups)
    if arguments.report:
        _write_report(arguments.report, plan, findings)
    return 1 if any(check.verdict is Verdict.BAD for check in findings.checks) else 0


def _plan(arguments: argparse.Namespace) -> Plan:
    from bench.doctor.examination import Plan

    there = Installation(arguments.root)
    if arguments.robot is None and not there.robot_file.is_file():
        robot_file, folder = SIMULATED_ROBOT, arguments.folder or Path()
    else:
        meant = meant_robot(arguments.robot, arguments.folder, there)
        robot_file, folder = meant.file, meant.folder
    return Plan(robot_file=robot_file, folder=folder, only=tuple(arguments.only), root=arguments.root)


def _examine(arguments: argparse.Namespace, plan: Plan, line: LiveLine) -> Findings:
    from bench.doctor.check import LOOP_GROUP
    from bench.doctor.examination import examine_machine

    def waits(waited_s: float, names: Sequence[str]) -> None:
        if waited_s > _QUIET_S:
            line.show(f"{waited_s:.0f} s, waits for: {', '.join(names)}")

    if not (arguments.loop or arguments.on_robot or LOOP_GROUP in arguments.only):
        return examine_machine(plan, waits)
    from bench.doctor.loop_examination import examine_loop

    return examine_loop(
        plan,
        on_robot=arguments.on_robot,
        duration_s=arguments.seconds,
        progress=lambda left_s: line.show(f"the loop runs under load, {left_s:.0f} s left"),
    )


def _write_report(path: Path, plan: Plan, findings: Findings) -> None:
    from bench.doctor.examination import find_patient
    from bench.doctor.report import conclusion, findings_json, table
    from bench.doctor.support_report import collect, contents_shown, write_report

    patient = find_patient(plan)
    contents = collect(plan.robot_file, patient.robot, patient.root, patient.ask)
    contents["doctor.json"] = findings_json(findings.title, findings.groups).encode(errors="replace")
    shown = f"{table(findings.title, findings.groups)}\n{conclusion(findings.groups)}\n"
    contents["doctor.txt"] = shown.encode(errors="replace")
    print(contents_shown(contents), file=sys.stderr)
    write_report(path, contents, plan.now)
    print(f"written: {path}", file=sys.stderr)
