"""How long one cycle of the servo bus takes: our driver and two others on the same emulated servos, in one run.

    python -m bench.servo_bus [CYCLES]                      turns of one cycle each, with a pause between them
    python -m bench.servo_bus --rate-hz 200 --seconds 20    turns of one second each, at a rate, on absolute deadlines
    ... --realtime                                          all of it under SCHED_FIFO, as the command process runs

The emulators run in processes of their own and hold answers back for their wire time, the same for all, so what is beyond it
is what the software and the system cost. The contenders (bench/servo_contenders.py) take turns on ports of their own, so that
a busy moment of the machine hits all.

The emulated motors are at once where they are sent, so a position that is not the goal just sent is an answer to an earlier
question: such cycles are counted as stale, apart from those that fail openly. Without a rate, times are of good cycles only;
with one they are of all cycles, and a cycle that ends after its period is counted as over it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.servo_contenders import CONTENDERS, ROBOT_FILE, Cycle
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.robot_config import load_robot
from runtime.command.realtime import enter_realtime
from sim.feetech.bus_process import ServoBusProcess

PAUSE_S = 0.004
N_WARM_UP = 20
# Sync write 26 bytes, sync read 14, six answers of 14, 10 us a byte; the servos pause 10 us each before they answer.
WIRE_MS = ((26 + 14 + 6 * 14) * 10 + 6 * 10) * 1e-3


@dataclass(slots=True)
class Result:
    """What became of one contender's cycles."""

    good: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # wall and processor time, ns
    bad: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    n_failed: int = 0
    n_stale: int = 0
    n_over: int = 0  # ended after their period


def main() -> None:
    """Print one line for each contender."""
    options = parse_options()
    write = sys.stdout.write
    if options.realtime:
        report = enter_realtime(replace(load_robot(ROBOT_FILE).runtime, realtime="preferred"))
        write(f"{report.line()}\n")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        contenders: dict[str, Cycle] = {}
        for name, make in CONTENDERS.items():
            emulator = stack.enter_context(ServoBusProcess(Path(folder, name)))
            contenders[name] = make(emulator.path, options.rate_hz or 100.0)
        if options.rate_hz:
            results = run_at_rate(contenders, options.rate_hz, options.seconds)
            write(f"six servos at 1 Mbit/s, {options.rate_hz:g} Hz (period {1e3 / options.rate_hz:.2f} ms),")
            write(f" {options.seconds} s each; wire time {WIRE_MS:.2f} ms\n\n")
        else:
            results = take_turns(contenders, options.n_cycles)
            write(f"six servos at 1 Mbit/s, {options.n_cycles} cycles, pauses of {PAUSE_S * 1e3:.0f} ms;")
            write(f" wire time {WIRE_MS:.2f} ms\n\n")
    write_table(results, all_cycles=bool(options.rate_hz))


def parse_options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.servo_bus")
    parser.add_argument("n_cycles", nargs="?", type=int, default=1000)
    parser.add_argument("--rate-hz", type=float)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--realtime", action="store_true")
    return parser.parse_args()


def write_table(results: dict[str, Result], *, all_cycles: bool) -> None:
    """Print one line for each contender, under a line of names."""
    write = sys.stdout.write
    names = ("p50 ms", "p99 ms", "p99.9 ms", "max ms", "beyond the wire p50 us", "CPU us", "over", "failed", "stale")
    widths = (9, 9, 10, 9, 25, 9, 7, 8, 7)
    write(" " * 12 + "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True)) + "\n")
    for name, result in results.items():
        cycles = result.good + result.bad if all_cycles else result.good
        times_ms, cpu_ms = np.array(cycles or [(np.nan, np.nan)]).T * 1e-6
        percentiles = np.percentile(times_ms, [50, 99, 99.9, 100])
        figures = "".join(f"{x:{w}.2f}" for x, w in zip(percentiles, widths, strict=False))
        beyond_us, cpu_us = (percentiles[0] - WIRE_MS) * 1e3, np.median(cpu_ms) * 1e3
        write(
            f"{name:12}{figures}{beyond_us:25.0f}{cpu_us:9.0f}{result.n_over:7}{result.n_failed:8}{result.n_stale:7}\n"
        )


def take_turns(contenders: dict[str, Cycle], n_cycles: int) -> dict[str, Result]:
    """Run every contender's cycles, one after the other in each turn, and return what became of them."""
    results = {name: Result() for name in contenders}
    for i in range(n_cycles + N_WARM_UP):
        for name, cycle in contenders.items():
            time.sleep(PAUSE_S)
            run_cycle(cycle, angle_rad(i), Result() if i < N_WARM_UP else results[name])
    return results


def run_at_rate(contenders: dict[str, Cycle], rate_hz: float, n_seconds: int) -> dict[str, Result]:
    """Run every contender at a rate for a second in each turn, the first turn not counted, and return what became of it."""
    results = {name: Result() for name in contenders}
    for turn in range(n_seconds + 1):
        for name, cycle in contenders.items():
            run_second(cycle, rate_hz, results[name] if turn else Result())
    return results


def run_second(cycle: Cycle, rate_hz: float, result: Result) -> None:
    """Run cycles for a second, each begun at its instant, or as soon as the one before is over."""
    period_ns = round(1e9 / rate_hz)
    t_first_ns = time.monotonic_ns() + period_ns
    for i in range(round(rate_hz)):
        t_due_ns = t_first_ns + i * period_ns
        time.sleep(max(0, t_due_ns - time.monotonic_ns()) * 1e-9)
        run_cycle(cycle, angle_rad(i), result)
        result.n_over += time.monotonic_ns() > t_due_ns + period_ns


def angle_rad(i: int) -> float:
    """Return where cycle `i` sends the motors: never twice the same in a row."""
    return 2 * RAD_PER_TICK * (i % 256)


def run_cycle(cycle: Cycle, goal_rad: float, result: Result) -> None:
    """Run one cycle and enter it in the result."""
    t_start_ns, cpu_start_ns = time.monotonic_ns(), time.thread_time_ns()
    measured_rad = cycle(goal_rad)
    times = (time.monotonic_ns() - t_start_ns, time.thread_time_ns() - cpu_start_ns)
    if measured_rad is not None and abs(measured_rad - goal_rad) <= RAD_PER_TICK:
        result.good.append(times)
        return
    result.bad.append(times)
    result.n_failed += measured_rad is None
    result.n_stale += measured_rad is not None


if __name__ == "__main__":
    main()
