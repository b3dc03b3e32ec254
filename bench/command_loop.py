"""How well the command process keeps its beat, on emulated servos, with and without load, with and without real time.

    python -m bench.command_loop --seconds 10 --rate-hz 100
    python -m bench.command_loop --seconds 600 --rate-hz 200 --rows fifo-loaded

The load is a process per core that multiplies matrices in bursts, as inference does. Figures are ms: median / 99 % / 99.9 % /
maximum. "period error" is | time between two commands - period |, "sent late" counts from the beat, "decision" is listening, stage
and gate before it, "bus" the exchange with the emulated servos: a pty is moved by an ordinary kernel thread, so under load most of
what is seen there is the emulation, not the driver. "drift" is how far the last command lies from where the first one and the rate
put it. The row "bare" is the yardstick of the machine: a loop under FIFO that waits for the same beats and does nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from bench.command_rig import SIMULATED_ROBOT, EmulatedServos, RunningCommand, await_line, end, start
from interfaces.messages import CommandState
from interfaces.robot_config import load_robot
from runtime.command.log import CommandSummary, Records, Spread, summarise
from runtime.command.realtime import RateKeeper, enter_realtime

_SETTLE_S = 1.0
_ROWS = ("other", "fifo", "other-loaded", "fifo-loaded", "bare-loaded")
_BURST_SIZE = 384  # one multiplication takes some milliseconds


def burn() -> None:
    """Load one core as inference does, until killed."""
    matrix = np.random.default_rng(0).standard_normal((_BURST_SIZE, _BURST_SIZE), np.float32)
    while True:
        matrix = np.tanh(matrix @ matrix * 0.01)


@contextmanager
def load(folder: Path, n_processes: int) -> Generator[None, None, None]:
    """Keep `n_processes` cores busy."""
    hogs = [start(folder, "bench.command_loop", "--burn") for _ in range(n_processes)]
    try:
        yield
    finally:
        for hog in hogs:
            end(hog)


def measure(*, seconds: float, rate_hz: float, realtime: bool, loaded: bool) -> tuple[CommandSummary, float, int]:
    """Return the figures of one run, the drift in ms, and the resident memory of the command process in kB."""
    with tempfile.TemporaryDirectory(prefix="forerun") as name, ExitStack() as stack:
        folder = Path(name)
        stack.enter_context(EmulatedServos(folder))
        if loaded:
            stack.enter_context(load(folder, os.cpu_count() or 1))
        command = stack.enter_context(
            RunningCommand(folder, rate_hz=rate_hz, realtime="preferred" if realtime else "off")
        )
        command.wait_for(CommandState.READY)
        command.link.close()
        policy = start(folder, "bench.swinging_policy", "command.sock")
        stack.callback(end, policy)
        await_line(policy, "swinging")
        time.sleep(_SETTLE_S + seconds)
        resident_kb = _resident_kb(command.process.pid)
        _, records = command.stop()
    period_ns = round(1e9 / rate_hz)
    settled = records["t_deadline_ns"] > records["t_deadline_ns"][0] + round(_SETTLE_S * 1e9)
    return summarise(records[settled], period_ns), _drift_ms(records[settled], period_ns), resident_kb


def main() -> None:
    """Measure the combinations of scheduler and load, and print them as a table."""
    parser = argparse.ArgumentParser(
        prog="bench.command_loop", description="How well the command process keeps its beat."
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each of the four runs")
    parser.add_argument("--rate-hz", type=float, default=100.0)
    parser.add_argument("--rows", nargs="+", choices=_ROWS, default=_ROWS, help="which to measure; default all")
    parser.add_argument("--burn", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.burn:
        burn()
    if arguments.bare:
        wait_only(arguments.seconds, arguments.rate_hz)
        return
    _line("| scheduler | load | period error | sent late | decision | bus | drift | commands | missed | memory |")
    _line("|---|---|---|---|---|---|---|---|---|---|")
    for row in arguments.rows:
        if row == "bare-loaded":
            _line(_bare_row(arguments.seconds, arguments.rate_hz))
            continue
        realtime, loaded = row.startswith("fifo"), row.endswith("loaded")
        summary, drift_ms, resident_kb = measure(
            seconds=arguments.seconds, rate_hz=arguments.rate_hz, realtime=realtime, loaded=loaded
        )
        figures = " | ".join(map(_figures, (summary.period_error, summary.lateness, summary.decision, summary.bus)))
        counts = f"{drift_ms:.2f} | {summary.commands} | {summary.missed} | {resident_kb / 1024:.0f} MB"
        _line(f"| {'FIFO' if realtime else 'OTHER'} | {'all cores' if loaded else 'none'} | {figures} | {counts} |")


def _bare_row(seconds: float, rate_hz: float) -> str:
    """Return the row of a loop that only waits, under load."""
    with tempfile.TemporaryDirectory(prefix="forerun") as name, load(Path(name), os.cpu_count() or 1):
        bare = start(Path(name), "bench.command_loop", "--bare", "--seconds", str(seconds), "--rate-hz", str(rate_hz))
        late_ns = np.array(json.loads(bare.communicate()[0]), np.int64)
    error, late = Spread.of_ns(np.abs(np.diff(late_ns))), Spread.of_ns(late_ns)
    return f"| FIFO, bare | all cores | {_figures(error)} | {_figures(late)} | - | - | - | {len(late_ns)} | - | - |"


def wait_only(seconds: float, rate_hz: float) -> None:
    """Wait for beats under FIFO, and print how late each was noticed, ns."""
    enter_realtime(load_robot(SIMULATED_ROBOT).runtime)
    keeper = RateKeeper(round(1e9 / rate_hz), lead_ns=1_000_000)
    late_ns: list[int] = []
    for _ in range(round(seconds * rate_hz)):
        tick = keeper.wait()
        late_ns.append(keeper.await_beat() - tick.t_deadline_ns)
    _line(json.dumps(late_ns))


def _drift_ms(records: Records, period_ns: int) -> float:
    sent = records[records["t_sent_ns"] > 0]
    n_periods = len(sent) - 1 + int(sent["missed"][1:].sum())
    return (int(sent["t_sent_ns"][-1]) - int(sent["t_sent_ns"][0]) - n_periods * period_ns) * 1e-6


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def _figures(spread: Spread) -> str:
    return " / ".join(f"{value:.2f}" for value in (spread.p50_ms, spread.p99_ms, spread.p999_ms, spread.max_ms))


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
