"""What the status page costs: processor time of its process with no viewer, one and four, and what the command loop notices of it.

    python -m bench.page_cost --seconds 20

The simulated robot runs with the bundle of the repository; a viewer asks as the page's script does, four times a second.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import tempfile
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from bench.closed_loop.processes import RobotProcesses
from bench.run_rig import StartedForerun
from interfaces.command_report import CommandReport
from interfaces.robot_config import load_robot
from runtime.operator_link import ask_report

ROBOT_FILE = Path(__file__).parents[1] / "robots" / "simulated.toml"
_TICKS_A_SECOND = 100  # of /proc, on every Linux that a robot has
_SETTLE_S = 3.0
_ROUND_S = 0.25


@dataclass(frozen=True, slots=True)
class Figure:
    """One stretch of the measurement."""

    name: str
    cpu_ratio: float | None  # of one core
    missed: int
    periods: int
    late_p99_ms: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="a stretch takes so long; default 20")
    seconds = parser.parse_args().seconds
    robot = load_robot(ROBOT_FILE)
    with (
        tempfile.TemporaryDirectory(prefix="forerun") as name,
        RobotProcesses(ROBOT_FILE, robot, Path(name)) as processes,
    ):
        processes.ask_policy({"follow": "push"})
        operator = Path(name) / robot.runtime.operator_socket
        _print(_stretch("no page", None, operator, seconds))
        with StartedForerun(Path(name), "page", str(ROBOT_FILE), "--folder", name, "--port", "0") as page:
            page.wait_for(r"http://\S+/")
            address = re.findall(r"http://127\.0\.0\.1:\d+", page.said)[0]
            for viewers in (0, 1, 4):
                with _viewers(address, viewers):
                    _print(_stretch(f"page, {viewers} viewers", page.process.pid, operator, seconds))


def _stretch(name: str, pid: int | None, operator: Path, seconds: float) -> Figure:
    threading.Event().wait(_SETTLE_S)
    before, cpu_before = ask_report(operator), _cpu_s(pid)
    late_ms: list[float] = []
    for _ in range(round(seconds)):
        threading.Event().wait(1.0)
        late_ms.append(ask_report(operator).late_p99_ns * 1e-6)
    after, cpu_after = ask_report(operator), _cpu_s(pid)
    return Figure(
        name=name,
        cpu_ratio=None if pid is None else (cpu_after - cpu_before) / _between_s(before, after),
        missed=after.missed - before.missed,
        periods=after.sequence - before.sequence,
        late_p99_ms=sorted(late_ms)[len(late_ms) // 2],
    )


@contextlib.contextmanager
def _viewers(address: str, count: int) -> Generator[None, None, None]:
    stop = threading.Event()

    def view() -> None:
        while not stop.wait(_ROUND_S):
            for path in ("/status.json", "/picture.jpg", "/foresight.json"):
                with contextlib.suppress(URLError), urlopen(f"{address}{path}", timeout=5) as reply:
                    reply.read()

    threads = [threading.Thread(target=view) for _ in range(count)]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()


def _cpu_s(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_A_SECOND  # its own, and that of the systemctl it waits for


def _between_s(before: CommandReport, after: CommandReport) -> float:
    return (after.t_report_ns - before.t_report_ns) * 1e-9


def _print(figure: Figure) -> None:
    cpu = "" if figure.cpu_ratio is None else f"page {100 * figure.cpu_ratio:4.1f} % of a core   "
    print(  # noqa: T201
        f"{figure.name:<16}{cpu}loop: {figure.missed} of {figure.periods} periods missed,"
        f" commands late by {figure.late_p99_ms:.2f} ms at p99 (median of the seconds)"
    )


if __name__ == "__main__":
    main()
