"""forerun, LeRobot and Intel physicalai on the same emulated servo bus, with the same camera, model and load, one after the other.

    python -m bench.peers install           the contestants, into environments of their own below .peers/
    python -m bench.peers                   the whole contest; some 20 minutes
    python -m bench.peers --only forerun,lerobot --seconds 5 --loads busy

Commands are time-stamped by the emulated servos, so that nobody's own log is trusted. They run above all others (SCHED_FIFO 70;
bench/peers/pty_workers.py for the kernel's part of the bus), for which this wants root. How a goal tells the frame behind it is
written down in bench/peers/frame_code.py, how everybody is set up in bench/peers/contest.py. The camera takes 30 frames a second of
424x240, at known instants. The model is a sleep: the processor is free meanwhile, as with a GPU. The load is a process a core that
multiplies matrices.

period error   | time between two commands - period |, ms: p50 / p99 / p99.9 / max
age            capture of the frame behind it to a command on the bus, ms: p50 / p95 / p99; of a blend the weighted mean
reaction       capture of a frame that shows something new to the first command that differs, ms: p50 / p95
CPU            of one core, all processes of the runtime; memory: the sum of their peaks
start          first process started to first command that a frame stands behind
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
from pathlib import Path

from bench.peers import report
from bench.peers.contest import Trial, trials
from bench.peers.install import ENVIRONMENTS, REQUIREMENTS, install, installed, version
from bench.peers.series import Outcome, run_series
from bench.peers.trial import Figures
from bench.peers.usage import folder_mb

SECONDS_MAX = 20.0  # the slope of the goals must not become too slow, bench/peers/frame_code.py


def main() -> int:
    """Install, or measure."""
    arguments = _parse()
    stacks = arguments.only.split(",")
    unknown = set(stacks) - set(REQUIREMENTS)
    if unknown or not 2.0 <= arguments.seconds <= SECONDS_MAX:
        _say(f"--only is of {', '.join(REQUIREMENTS)}; --seconds is 2 to {SECONDS_MAX:g}")
        return 2
    if arguments.what == "install":
        install(stacks)
        return 0
    missing = [stack for stack in stacks if not installed(stack)]
    if missing:
        _say(f"not installed: {', '.join(missing)}; run `python -m bench.peers install` first")
        return 2
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))  # unwinds: nothing it started is left behind
    arguments.out.mkdir(parents=True, exist_ok=True)
    loads = {"none": [False], "busy": [True], "both": [False, True]}[arguments.loads]
    outcome = run_series(
        trials(stacks, loads),
        repeats=arguments.repeats,
        seconds=arguments.seconds,
        model_ms=arguments.model_ms,
        log=arguments.out / "runs.jsonl",
        say=_say,
    )
    page = _page(outcome, stacks, arguments)
    (arguments.out / "peers.md").write_text(page, encoding="utf-8")
    _draw(outcome.results, arguments.out / "peers.png")
    _say(page)
    return 0


def _page(outcome: Outcome, stacks: list[str], arguments: argparse.Namespace) -> str:
    rows = "\n".join(f"| {stack} | {version(stack)} | {folder_mb(ENVIRONMENTS / stack):.0f} MB |" for stack in stacks)
    conditions = (
        f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()};"
        f" {arguments.seconds:g} s a run, median of {arguments.repeats}; model {arguments.model_ms:g} ms"
    )
    installed = f"| runtime | version | installed |\n|---|---|---|\n{rows}"
    return "\n\n".join([conditions, installed, *report.parts(outcome.results, outcome.failures)]) + "\n"


def _draw(results: dict[Trial, Figures], file: Path) -> None:
    try:
        from bench.peers.plot import plot

        plot(results, file)
    except ImportError as error:
        _say(f"no picture: {error}; install the `report` extra")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("run", "install"), default="run")
    parser.add_argument("--only", default=",".join(REQUIREMENTS), help="some of them, with commas between")
    parser.add_argument("--seconds", type=float, default=8.0, help="watched in each run (default: 8)")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each row; figures are their medians")
    parser.add_argument("--model-ms", type=float, default=30.0, help="latency of everybody's model (default: 30)")
    parser.add_argument("--loads", choices=("none", "busy", "both"), default="both")
    parser.add_argument("--out", type=Path, default=Path("runs/peers"), help="folder for table, picture and every run")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
