"""How long the policy process takes from its start to READY, and for what: started again and again beside the simulated robot.

python -m bench.policy_start --starts 10
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.closed_loop.processes import RobotProcesses
from bench.service_rig import WatchedService
from interfaces.robot_config import load_robot

_ROBOT = Path(__file__).parents[1] / "robots/simulated.toml"
_STEP = re.compile(r"(imports|bundle|threads|first pictures) ([\d.]+) s")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="bench.policy_start", description=__doc__)
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--robot", type=Path, default=_ROBOT)
    arguments = parser.parse_args(argv)
    robot_file = arguments.robot.resolve()
    with tempfile.TemporaryDirectory(prefix="forerun") as name:
        folder = Path(name)
        with RobotProcesses(robot_file, load_robot(robot_file), folder) as processes:
            processes.stop("policy")
            starts = [_start(folder, robot_file) for _ in range(arguments.starts)]
    title = f"{len(starts)} starts, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    table = Table("", "median, s", "worst, s", title=title)
    for key in starts[0]:
        values = [start[key] for start in starts]
        table.add_row(key, f"{statistics.median(values):.2f}", f"{max(values):.2f}")
    Console().print(table)
    return 0


def _start(folder: Path, robot_file: Path) -> dict[str, float]:
    """Return what one start took, in s."""
    command = (sys.executable, "-I", "-m", "forerun", "policy", str(robot_file))
    (folder / "service.log").unlink(missing_ok=True)
    with WatchedService(command, folder, watchdog_s=10.0) as service:
        service.wait_ready()
        service.wait_for(lambda: "ready " in service.said, "says so")
        ready_s = ((service.t_ready_ns or 0) - service.t_started_ns) * 1e-9
        fields = Path(f"/proc/{service.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        processor_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        steps = {name: float(value) for name, value in _STEP.findall(service.said)}
        service.end()
    return {"to READY": ready_s, "of it on the processor": processor_s, **steps}


if __name__ == "__main__":
    sys.exit(main())
