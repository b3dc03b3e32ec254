"""The virtual machine's side: runs the trials named, one after the other, and tells the host what they saw."""

from __future__ import annotations

import importlib
import sys
import traceback

from interfaces.errors import ForerunError
from tests.machines.qemu_inside import HostLine


def main(trials: list[str]) -> None:
    """Run them all; what goes wrong in one is told, and the next begins."""
    host = HostLine()
    for trial in trials:
        run(host, trial)
    host.end()


def run(host: HostLine, trial: str) -> None:
    """Run one."""
    try:
        importlib.import_module(f"tests.machines.qemu_{trial}_trial").run(host)
    except (ForerunError, AssertionError, OSError, RuntimeError, ImportError):
        host.check(f"the {trial} trial", traceback.format_exc(limit=-4), ok=False)


if __name__ == "__main__":
    main(sys.argv[1:])
