"""Serve the status page and the metrics of one robot, on this machine only; nothing on it changes anything.

From another machine, through ssh:   ssh -L 8642:127.0.0.1:8642 ROBOT   and then   http://localhost:8642/"""

from __future__ import annotations

import argparse
import sys

from forerun.defaults import add_robot_arguments
from interfaces.installed import PAGE_PORT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_robot_arguments(parser)
    parser.add_argument("--port", type=int, default=PAGE_PORT, help=f"on 127.0.0.1; default {PAGE_PORT}, 0 takes any")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from forerun.defaults import status_place
    from runtime.page.page_process import run as run_page
    from runtime.unblocking_log import log_to

    log_to(sys.stderr.fileno(), "page")
    return run_page(status_place(arguments), arguments.port)
