"""What the runtime takes: memory of its processes, time from a cold start to the first command, disk of the robot's environment.

    python -m bench.footprint --runs 5
    python -m bench.footprint --environment        also installs the robot's packages anew, and weighs them (a minute)

The simulated robot with the bundle of the repository. "to the first command": from starting command and policy process together
to the first period that follows a chunk, parity check of the bundle included. Memory is the peak resident set of each process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.closed_loop.processes import RobotProcesses
from interfaces.errors import RefusedError
from interfaces.robot_config import load_robot

_ROOT = Path(__file__).parents[1]
_ROBOT_FILE = _ROOT / "robots" / "simulated.toml"
_LIMITS = {"command": 80.0, "policy": 300.0, "to the first command": 3.0, "environment": 400.0}
_SETTLE_S = 3.0
_PATIENCE_S = 60.0
_POLL_S = 0.01


def start_up() -> dict[str, float]:
    """Return peak memory of command and policy process in MB, and seconds from their start to the first command that follows."""
    robot = load_robot(_ROBOT_FILE)
    with tempfile.TemporaryDirectory(prefix="forerun") as folder:
        processes = RobotProcesses(_ROBOT_FILE, robot, Path(folder), record_to=Path(folder) / "flight")
        with processes:  # all are up once: what the disk holds is warm, and the world runs on
            for name in ("policy", "command"):
                processes.stop(name)
            t_start_ns = time.monotonic_ns()
            processes.start("command")
            processes.start("policy")
            _await_following(processes)
            seconds = (time.monotonic_ns() - t_start_ns) * 1e-9
            time.sleep(_SETTLE_S)
            peaks = {name: _peak_mb(processes.pid(name)) for name in ("command", "policy", "recorder")}
    return {**peaks, "to the first command": seconds}


def environment_mb() -> float:
    """Return the disk that the robot's packages take, installed anew as on a robot, without pip."""
    with tempfile.TemporaryDirectory(prefix="forerun") as folder:
        constraints = str(_ROOT / "constraints.txt")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "-c", constraints]
        subprocess.run([*pip, f"{_ROOT}[robot]"], check=True)
        blocks = sum(path.lstat().st_blocks for path in Path(folder).rglob("*"))
    return blocks * 512 / 1e6


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="bench.footprint", description="What the runtime takes.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--environment", action="store_true", help="weigh a fresh robot environment, too")
    arguments = parser.parse_args()
    runs = [start_up() for _ in range(arguments.runs)]
    figures = {name: [run[name] for run in runs] for name in runs[0]}
    if arguments.environment:
        figures["environment"] = [environment_mb()]
    _line("| | median | worst | limit |")
    _line("|---|---|---|---|")
    for name, values in figures.items():
        unit = "s" if name == "to the first command" else "MB"
        limit = f"{_LIMITS[name]:g} {unit}" if name in _LIMITS else "-"
        _line(f"| {name} | {median(values):.1f} {unit} | {max(values):.1f} {unit} | {limit} |")


def _await_following(processes: RobotProcesses) -> None:
    t_end_ns = time.monotonic_ns() + round(_PATIENCE_S * 1e9)
    asked = False
    while time.monotonic_ns() < t_end_ns:
        try:
            status = processes.ask_policy({"status": True} if asked else {"follow": "reach"})
            asked = True
            if status["command_state"] == "FOLLOWING":
                return
        except RefusedError:  # not there yet
            pass
        time.sleep(_POLL_S)
    raise RefusedError(f"nothing followed within {_PATIENCE_S:g} s: {processes.last_words('policy')}")


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1000


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
