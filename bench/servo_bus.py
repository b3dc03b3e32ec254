"""How long one cycle of the servo bus takes: our driver and the vendor's SDK on the same emulated servos, in one run.

    python -m bench.servo_bus [CYCLES]

One cycle is a sync write of six goals and a sync read of 8 bytes of six servos. The emulator runs in another process and
holds answers back for their wire time, the same for both, so what is beyond it is what the software and the system cost.
The two take turns, cycle by cycle, on two ports of their own, so that a busy moment of the machine hits both.

The emulated motors are at once where they are sent, so a position that is not the goal just sent is an answer to an earlier
question: such cycles are counted as stale, apart from those that fail openly. Times are of good cycles only.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.feetech import FeetechArm
from drivers.feetech_registers import FEEDBACK_ADDRESS, FEEDBACK_BYTES, GOAL_POSITION
from interfaces.errors import BusTimeoutError
from interfaces.robot_config import load_robot
from sim.feetech_arm import feetech_arm
from sim.servo_bus_process import ServoBusProcess

ROBOT_FILE = Path(__file__).parents[1] / "robots" / "simulated.toml"
PAUSE_S = 0.004
N_WARM_UP = 20
# Sync write 26 bytes, sync read 14, six answers of 14, 10 us a byte; the servos pause 10 us each before they answer.
WIRE_MS = ((26 + 14 + 6 * 14) * 10 + 6 * 10) * 1e-3

TICK_RAD = 2 * np.pi / 4096
SETTLE_S = 0.05

Cycle = Callable[[float], float | None]  # from the angle sent to that of the last servo, None where the cycle failed


def main(n_cycles: int) -> None:
    """Print one line for each contender."""
    with tempfile.TemporaryDirectory() as folder:
        ports = [Path(folder, name) for name in ("ours", "theirs")]
        with ServoBusProcess(ports[0]), ServoBusProcess(ports[1]):
            contenders = {"forerun": our_cycle(ports[0]), "scservo_sdk": vendors_cycle(ports[1])}
            results = take_turns(contenders, n_cycles)
    write = sys.stdout.write
    write(
        f"six servos at 1 Mbit/s, {n_cycles} cycles, pauses of {PAUSE_S * 1e3:.0f} ms; wire time {WIRE_MS:.2f} ms\n\n"
    )
    write(
        f"{'':14}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'beyond the wire p50 us':>25}{'CPU us':>9}{'failed':>8}{'stale':>7}\n"
    )
    for name, result in results.items():
        times_ms, cpu_ms = np.array(result.good or [(np.nan, np.nan)]).T * 1e-6
        p50, p99, worst = np.percentile(times_ms, [50, 99, 100])
        beyond_us, cpu_us = (p50 - WIRE_MS) * 1e3, np.median(cpu_ms) * 1e3
        write(
            f"{name:14}{p50:9.2f}{p99:9.2f}{worst:9.2f}{beyond_us:25.0f}{cpu_us:9.0f}{result.n_failed:8}{result.n_stale:7}\n"
        )


def ready_arm(path: Path) -> FeetechArm:
    """Return our driver, with the servos set up and their torque on."""
    arm = FeetechArm(replace(feetech_arm(load_robot(ROBOT_FILE).arm), port=str(path)))
    arm.open()
    arm.hold()
    return arm


def our_cycle(path: Path) -> Cycle:
    """Return one cycle of our driver."""
    arm = ready_arm(path)

    def cycle(angle_rad: float) -> float | None:
        try:
            return float(arm.exchange(np.full(6, angle_rad)).position_rad[-1])
        except BusTimeoutError:
            return None

    return cycle


def vendors_cycle(path: Path) -> Cycle:
    """Return the same cycle made with the vendor's SDK, on servos made ready by our driver."""
    import scservo_sdk

    sdk: Any = scservo_sdk
    ready_arm(path).close()
    port, packets = sdk.PortHandler(str(path)), sdk.PacketHandler(0)
    port.setBaudRate(1_000_000)
    write = sdk.GroupSyncWrite(port, packets, GOAL_POSITION.address, GOAL_POSITION.size)
    read = sdk.GroupSyncRead(port, packets, FEEDBACK_ADDRESS, FEEDBACK_BYTES)
    for servo_id in range(1, 7):
        read.addParam(servo_id)

    def cycle(angle_rad: float) -> float | None:
        goal = GOAL_POSITION.encode(round(2048 + angle_rad / TICK_RAD))
        write.clearParam()
        for servo_id in range(1, 7):
            write.addParam(servo_id, list(goal))
        write.txPacket()
        if read.txRxPacket() != sdk.COMM_SUCCESS:
            time.sleep(SETTLE_S)  # the SDK keeps old bytes; its user has to drop them
            port.ser.reset_input_buffer()
            return None
        return (read.getData(6, FEEDBACK_ADDRESS, 2) - 2048) * TICK_RAD

    return cycle


@dataclass(slots=True)
class Result:
    """What became of one contender's cycles."""

    good: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # wall and processor time, ns
    n_failed: int = 0
    n_stale: int = 0


def take_turns(contenders: dict[str, Cycle], n_cycles: int) -> dict[str, Result]:
    """Run every contender's cycles, one after the other in each turn, and return what became of them."""
    results = {name: Result() for name in contenders}
    for i in range(n_cycles + N_WARM_UP):
        for name, cycle in contenders.items():
            time.sleep(PAUSE_S)
            run_cycle(cycle, 2 * TICK_RAD * (i % 256), Result() if i < N_WARM_UP else results[name])
    return results


def run_cycle(cycle: Cycle, angle_rad: float, result: Result) -> None:
    """Run one cycle and enter it in the result."""
    t_start_ns, cpu_start_ns = time.monotonic_ns(), time.thread_time_ns()
    measured_rad = cycle(angle_rad)
    times = (time.monotonic_ns() - t_start_ns, time.thread_time_ns() - cpu_start_ns)
    if measured_rad is None:
        result.n_failed += 1
    elif abs(measured_rad - angle_rad) > TICK_RAD:
        result.n_stale += 1
    else:
        result.good.append(times)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
