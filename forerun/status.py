"""Say in a few lines what a robot is doing, how well, and what went wrong last; the first line is the verdict.

Exit status: 0 all well, 1 not well (it holds against its wish, a fault, a unit failed), 2 nothing runs, or it cannot be asked."""

from __future__ import annotations

import argparse

from forerun.defaults import add_robot_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_robot_arguments(parser)
    parser.add_argument("--json", action="store_true", help="the same for programs")


def run(arguments: argparse.Namespace) -> int:
    """Ask, and say it."""
    import json
    import time

    from forerun.defaults import status_place
    from runtime.status.gather import Gathering
    from runtime.status.robot_status import as_json
    from runtime.status.verdict import as_object, judge
    from runtime.status.words import status_lines

    with Gathering(status_place(arguments)) as gathering:
        status = gathering.gather(time.monotonic_ns())
    verdict = judge(status)
    if arguments.json:
        print(json.dumps({**as_json(status), "verdict": as_object(verdict)}, indent=2))
    else:
        print("\n".join(status_lines(status)))
    return int(verdict.wellbeing)
