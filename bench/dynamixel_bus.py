"""How long one cycle of a Dynamixel bus takes: our driver, the maker's SDK and rustypot on the same emulated servos, in one run.

    python -m bench.dynamixel_bus [CYCLES]                  turns of one cycle each, with a pause between them
    python -m bench.dynamixel_bus --rate-hz 200 --seconds 20    turns of one second each, at a rate, on absolute deadlines
    ... --realtime                                          all of it under SCHED_FIFO, as the command process runs

at 1, 2 and 4 Mbit/s. One cycle is a sync write of six goals and a fast sync read of 21 bytes of six servos; how it is measured,
and what is counted, is as in bench/servo_bus.py. The SDK and rustypot drive servos that our driver has made ready.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.arm_rigs.dynamixel import ROBOT_FILE, koch_arm
from bench.servo_bus import PAUSE_S, Result, run_at_rate, take_turns
from bench.servo_contenders import Cycle
from drivers.dynamixel.arm import DynamixelArm, bus_budget
from drivers.dynamixel.bus import TURNAROUND_NS
from drivers.dynamixel.registers import FEEDBACK_BYTES, GOAL_POSITION, PRESENT_EFFORT, PRESENT_POSITION, RAD_PER_TICK
from interfaces.errors import BusTimeoutError
from interfaces.robot_config import load_robot
from runtime.command.realtime import enter_realtime
from sim.dynamixel.bus_process import DynamixelBusProcess

IDS = list(range(1, 7))
BAUDS_HZ = (1_000_000, 2_000_000, 4_000_000)
HOME_TICKS = 2048
EMULATED_PAUSE_NS = 10_000  # before the first servo answers; a real one takes longer
COLUMNS = ("p50 ms", "p99 ms", "max ms", "beyond the wire p50 us", "CPU us", "over", "failed", "stale")


def main() -> None:
    """Print one table for each rate of the bus."""
    parser = argparse.ArgumentParser(prog="python -m bench.dynamixel_bus")
    parser.add_argument("n_cycles", nargs="?", type=int, default=1000)
    parser.add_argument("--rate-hz", type=float)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--realtime", action="store_true")
    options = parser.parse_args()
    if options.realtime:
        report = enter_realtime(replace(load_robot(ROBOT_FILE).runtime, realtime="preferred"))
        sys.stdout.write(f"{report.line()}\n")
    for baud_hz in BAUDS_HZ:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            contenders = {
                name: make(start_emulator(stack, Path(folder, name), baud_hz), baud_hz)
                for name, make in CONTENDERS.items()
            }
            if options.rate_hz:
                results = run_at_rate(contenders, options.rate_hz, options.seconds)
                how = f"{options.rate_hz:g} Hz, {options.seconds} s each"
            else:
                results = take_turns(contenders, options.n_cycles)
                how = f"{options.n_cycles} cycles, pauses of {PAUSE_S * 1e3:.0f} ms"
        write_table(results, baud_hz, how, all_cycles=bool(options.rate_hz))


def start_emulator(stack: ExitStack, path: Path, baud_hz: int) -> Path:
    """Return the port of six emulated servos that listen at `baud_hz`."""
    emulator = stack.enter_context(DynamixelBusProcess(path))
    emulator.tell(f"baud {baud_hz}")
    return emulator.path


def write_table(results: dict[str, Result], baud_hz: int, how: str, *, all_cycles: bool) -> None:
    """Print one line for each contender, under what the wire takes."""
    budget = bus_budget(replace(koch_arm(), baud_hz=baud_hz))
    wire_ms = (budget.busy_ns - len(IDS) * TURNAROUND_NS + EMULATED_PAUSE_NS) * 1e-6
    write = sys.stdout.write
    write(f"six servos at {baud_hz / 1e6:g} Mbit/s, {how}; wire time {wire_ms:.2f} ms;")
    write(f" the budget allows {budget.rate_max_hz:.0f} Hz\n")
    write(" " * 15 + "".join(f"{name:>{len(name) + 3}}" for name in COLUMNS) + "\n")
    for name, result in results.items():
        cycles = result.good + result.bad if all_cycles else result.good
        times_ms, cpu_ms = np.array(cycles or [(np.nan, np.nan)]).T * 1e-6
        p50, p99, worst = np.percentile(times_ms, [50, 99, 100])
        figures = [f"{p50:.2f}", f"{p99:.2f}", f"{worst:.2f}", f"{(p50 - wire_ms) * 1e3:.0f}"]
        figures += [f"{np.median(cpu_ms) * 1e3:.0f}", str(result.n_over), str(result.n_failed), str(result.n_stale)]
        write(f"{name:15}" + "".join(f"{x:>{len(c) + 3}}" for x, c in zip(figures, COLUMNS, strict=True)) + "\n")
    write("\n")


def ready_arm(path: Path, baud_hz: int) -> DynamixelArm:
    """Return our driver, with the servos set up and their torque on."""
    arm = DynamixelArm(replace(koch_arm(), port=str(path), baud_hz=baud_hz, motor_timeout_ms=0.0))
    arm.open()
    arm.hold()
    return arm


def our_cycle(path: Path, baud_hz: int) -> Cycle:
    """Return one cycle of our driver."""
    arm = ready_arm(path, baud_hz)

    def cycle(goal_rad: float) -> float | None:
        try:
            return float(arm.exchange(np.full(len(IDS), goal_rad)).position_rad[-1])
        except BusTimeoutError:
            return None

    return cycle


def sdk_cycle(path: Path, baud_hz: int) -> Cycle:
    """Return the same cycle made with the maker's SDK."""
    import dynamixel_sdk

    sdk: Any = dynamixel_sdk
    ready_arm(path, baud_hz).close()
    port, packets = sdk.PortHandler(str(path)), sdk.PacketHandler(2.0)
    port.setBaudRate(baud_hz)
    write = sdk.GroupSyncWrite(port, packets, GOAL_POSITION.address, GOAL_POSITION.size)
    read = sdk.GroupSyncRead(port, packets, PRESENT_EFFORT.address, FEEDBACK_BYTES)
    for servo_id in IDS:
        read.addParam(servo_id)

    def cycle(goal_rad: float) -> float | None:
        write.clearParam()
        for servo_id in IDS:
            write.addParam(servo_id, list(goal_bytes(goal_rad)))
        write.txPacket()
        if read.fastSyncRead() != sdk.COMM_SUCCESS:
            port.ser.reset_input_buffer()
            return None
        return (read.getData(IDS[-1], PRESENT_POSITION.address, 4) - HOME_TICKS) * RAD_PER_TICK

    return cycle


def rustypot_cycle(path: Path, baud_hz: int) -> Cycle:
    """Return the same cycle made with rustypot."""
    import rustypot

    ready_arm(path, baud_hz).close()
    bus: Any = rustypot.Xl330PyController(str(path), baud_hz, 0.05)
    bus.set_fast_sync_read(True)
    start = PRESENT_POSITION.address - PRESENT_EFFORT.address

    def cycle(goal_rad: float) -> float | None:
        bus.sync_write_raw_data(IDS, GOAL_POSITION.address, [list(goal_bytes(goal_rad))] * len(IDS))
        try:
            answers = bus.sync_read_raw_data(IDS, PRESENT_EFFORT.address, FEEDBACK_BYTES)
        except RuntimeError:  # all that it raises
            return None
        ticks = PRESENT_POSITION.decode(bytes(answers[-1]), PRESENT_POSITION.address - start)
        return (ticks - HOME_TICKS) * RAD_PER_TICK

    return cycle


def goal_bytes(goal_rad: float) -> bytes:
    """Return a goal as it stands in the servo."""
    return GOAL_POSITION.encode(round(HOME_TICKS + goal_rad / RAD_PER_TICK))


CONTENDERS: dict[str, Callable[[Path, int], Cycle]] = {
    "forerun": our_cycle,
    "dynamixel_sdk": sdk_cycle,
    "rustypot": rustypot_cycle,
}

if __name__ == "__main__":
    main()
