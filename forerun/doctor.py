"""Say whether this machine is fit to move a robot in time, with figures, and what to do where it is not.

With --loop it runs the real loop, hands off the robot: the command process under load, with a policy that proposes chunks, on
emulated servos, or with --on-robot on the robot's own bus, of which it only asks. Exit status 0 when nothing is bad, else 1."""

from __future__ import annotations

import argparse
from pathlib import Path

from forerun.defaults import SIMULATED_ROBOT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "robot", type=Path, nargs="?", default=SIMULATED_ROBOT, help="robot file; default the simulated SO-101"
    )
    parser.add_argument("--loop", action="store_true", help="run the loop under load")
    parser.add_argument(
        "--on-robot", action="store_true", help="run it on the robot's own bus; nothing is sent to the motors"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of the loop; default 60")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there, too")


def run(arguments: argparse.Namespace) -> int:
    """Examine, and print the table."""
    from bench.doctor.check import Verdict
    from bench.doctor.examination import examine_loop, examine_machine
    from bench.doctor.report import conclusion, table, write_json
    from runtime.terminal import LiveLine

    if arguments.loop or arguments.on_robot:
        with LiveLine() as line:
            findings = examine_loop(
                arguments.robot,
                on_robot=arguments.on_robot,
                duration_s=arguments.seconds,
                progress=lambda left_s: line.show(f"the loop runs under load, {left_s:.0f} s left"),
            )
    else:
        findings = examine_machine(arguments.robot)
    print(table(findings.title, findings.checks))
    print(conclusion(findings.checks))
    if arguments.json:
        write_json(arguments.json, findings.title, findings.checks)
    return 1 if any(check.verdict is Verdict.BAD for check in findings.checks) else 0
