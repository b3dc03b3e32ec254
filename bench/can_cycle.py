"""How long one cycle of CANopen drives or ODrive axes takes on the wire, and what a lost answer costs.

    python -m bench.can_cycle cia402 --motors 7 --rate-hz 250
    python -m bench.can_cycle odrive --motors 7 --rate-hz 250 --lost-ratio 0.01

On a virtual clock, without processes: each frame takes its exact time on a wire of 1 Mbit/s, bit stuffing included, and nothing
else takes any, so this is what bus and driver need, and the same on every machine. Answers get lost at random, each with the
same probability. Figures are ms: median / 99 % / 99.9 % / maximum; "budget" is what the driver counts on, stuffed as far as
can be. Damiao motors have bench/can_loop.py, which measures in real time as well.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from bench.arm_rigs.cia402 import cia402_config
from bench.arm_rigs.odrive import odrive_config
from drivers.arm import Arm
from drivers.cia402.arm import Cia402Arm
from drivers.odrive.arm import OdriveArm
from drivers.open_devices import bus_budget
from interfaces.arm_config import ArmConfig
from interfaces.errors import BusTimeoutError
from sim.can.bus import CanBus
from sim.can.lockstep import LockstepCan
from sim.can.nodes import CIA402_COUNTS_PER_RAD, make_nodes

SWING_RAD = 0.4
SWING_HZ = 0.2


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="bench.can_cycle", description="Cycles of CAN motors on a virtual clock.")
    parser.add_argument("driver", choices=["cia402", "odrive"])
    parser.add_argument("--motors", type=int, default=7)
    parser.add_argument("--rate-hz", type=float, default=250.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--lost-ratio", type=float, default=0.0, help="of the answers")
    arguments = parser.parse_args()
    config = arm_config(arguments.driver, arguments.motors, arguments.rate_hz)
    took_ms, failures = measure(config, round(arguments.seconds * arguments.rate_hz), arguments.lost_ratio)
    budget = bus_budget(config)
    lines = [
        f"{arguments.motors} motors of {arguments.driver} at {arguments.rate_hz:g} Hz, {arguments.lost_ratio:.1%} lost",
        f"period  {config.period_ns * 1e-6:.2f}, budget {budget.busy_ns * 1e-6:.2f} ({budget.ratio:.1%})",
        "cycle   " + " / ".join(f"{value:.2f}" for value in np.percentile(took_ms, [50, 99, 99.9, 100])),
        f"good {len(took_ms)}, failed {sum(failures)}, at most {max(failures)} in a row",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def arm_config(driver: str, n_motors: int, rate_hz: float) -> ArmConfig:
    """Return an arm of the motors that sim/can/nodes.py makes."""
    changes: dict[str, Any] = {"rate_hz": rate_hz}
    if driver == "odrive":
        axis = replace(odrive_config().joints[0], turns_per_turn=1.0)
        axes = tuple(replace(axis, name=f"joint_{i}", node_id=i) for i in range(n_motors))
        return replace(odrive_config(), joints=axes, **changes)
    drive = replace(cia402_config().joints[0], counts_per_turn=2 * math.pi * CIA402_COUNTS_PER_RAD)
    drives = tuple(replace(drive, name=f"joint_{i}", node_id=i) for i in range(1, n_motors + 1))
    return replace(cia402_config(), joints=drives, **changes)


def measure(config: ArmConfig, n_cycles: int, lost_ratio: float) -> tuple[list[float], list[int]]:
    """Return how long each good cycle took, ms, and how many failed in each row of failures."""
    n_motors = len(config.joints)
    bus = CanBus(make_nodes(f"{config.driver}:{n_motors}"))
    t_now_ns = 10**9
    port = LockstepCan(bus, lambda: t_now_ns)
    make: Any = {"cia402": Cia402Arm, "odrive": OdriveArm}[config.driver]
    arm: Arm = make(config, port.open_port)
    arm.open()
    start_rad = arm.hold().position_rad
    drawn = np.random.default_rng(0)
    took_ms: list[float] = []
    failures = [0]
    for cycle in range(n_cycles):
        t_now_ns = max(t_now_ns, port.now_ns()) + config.period_ns if cycle == 0 else t_now_ns + config.period_ns
        port.catch_up()
        bus.faults.n_drop = int(drawn.binomial(2 * n_motors, lost_ratio))
        swing_rad = SWING_RAD * (1 - math.cos(2 * math.pi * SWING_HZ * cycle / config.rate_hz)) / 2
        t_begin_ns = port.now_ns()
        try:
            arm.exchange(start_rad + swing_rad)
        except BusTimeoutError:
            failures[-1] += 1
            continue
        took_ms.append((port.now_ns() - t_begin_ns) * 1e-6)
        failures.append(0)
    return took_ms, failures


if __name__ == "__main__":
    main()
