"""CAN controllers with a bit rate: our drivers on can0, emulated motors on can1 in another process. Runs inside the virtual machine.

QEMU's wire has no rate of its own, and knows no errors: every frame is acknowledged, so nothing here goes off the bus. That is
tried where the kernel can be told of it, in vcan_port_trial.py.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from drivers.arm import Arm
from drivers.can_link import read_link
from drivers.open_devices import open_arm
from interfaces.arm_config import AnyArmConfig, DamiaoConfig, RobstrideConfig
from interfaces.errors import BusTimeoutError, DeviceLostError, ForerunError, RefusedError
from interfaces.robot_config import load_robot
from sim.can_bus_process import CanBusProcess
from tests.machines.can_interface import command
from tests.machines.qemu_inside import HostLine, error_of, wait_until

ROBOTS = Path(__file__).parents[2] / "robots"
RATE_HZ = 10.0
N_MOTORS = 2  # an emulated processor emulates both controllers: a frame and its answer take 3 ms, not 0.3
BITRATE_HZ = 1_000_000
N_EXCHANGES = 100
LOST_WITHIN_S = 5.0


def run(host: HostLine) -> None:
    """Bring the interfaces up, and drive two families of motors; take an interface away from under one."""
    refused_while_down(host)
    for name in ("can0", "can1"):
        command(f"ip link set {name} up type can bitrate {BITRATE_HZ} restart-ms 100")
    link = read_link("can0")
    host.check(
        "can0", link, ok=(link.kind, link.is_up, link.bitrate_hz, link.restart_ms) == ("can", True, 1_000_000, 100)
    )
    refused_at_another_rate(host)
    with CanBusProcess("can:can1", f"robstride:{N_MOTORS}"):
        lost_in_the_middle(host, drive(host, robstrides()))
        command("ip link set can0 up")
        drive(host, robstrides()).close()
    with CanBusProcess("can:can1", "yam-rigid"):
        drive(host, yam()).close()
    silent = error_of(open_arm(robstrides()).open)
    host.check("motors without power", silent, ok=isinstance(silent, BusTimeoutError))


def yam() -> AnyArmConfig:
    """Return the first joints of the YAM, frames of 11 bits, at our rate."""
    arm = load_robot(ROBOTS / "yam.toml").arm
    assert isinstance(arm, DamiaoConfig)
    return replace(arm, port="can0", rate_hz=RATE_HZ, motor_timeout_ms=2000.0, joints=arm.joints[:N_MOTORS])


def robstrides() -> AnyArmConfig:
    """Return some RobStride motors, frames of 29 bits, at our rate."""
    arm = load_robot(ROBOTS / "robstride.toml").arm
    assert isinstance(arm, RobstrideConfig)
    joints = [
        replace(joint, model="RS02", stiffness_nm_rad=20.0, damping_nm_s_rad=1.0) for joint in arm.joints[:N_MOTORS]
    ]
    return replace(arm, port="can0", rate_hz=RATE_HZ, motor_timeout_ms=2000.0, joints=tuple(joints))


def refused_while_down(host: HostLine) -> None:
    """Opening an interface that is down says how to bring it up."""
    error = error_of(open_arm(yam()).open)
    host.check(
        "opened while down", error, ok=isinstance(error, DeviceLostError) and "ip link set can0 up" in str(error)
    )


def refused_at_another_rate(host: HostLine) -> None:
    """Opening an interface at another rate than its own says so."""
    error = error_of(open_arm(replace(yam(), baud_hz=500_000)).open)
    host.check("opened at 500 kbit/s", error, ok=isinstance(error, RefusedError) and "runs at 1000000" in str(error))


def drive(host: HostLine, config: AnyArmConfig) -> Arm:
    """Open, hold, let the arm follow a slow swing, and report; return the arm, which holds."""
    arm = open_arm(config)
    # Tried again, as the command process does: a busy machine under the virtual one may answer too late for any patience.
    wait_until(lambda: error_of(arm.open) is None and error_of(arm.hold) is None, f"{config.driver} holds")
    held = arm.hold().position_rad
    took_ms: list[float] = []
    errors: list[str] = []
    target_rad = held
    for i in range(N_EXCHANGES):
        target_rad = held + 0.05 * np.sin(2 * np.pi * i / N_EXCHANGES)
        t_start_ns = time.monotonic_ns()
        error = error_of(partial(arm.exchange, target_rad))
        took_ms.append((time.monotonic_ns() - t_start_ns) * 1e-6)
        errors += [] if error is None else [str(error)]
    missed_rad = float(np.abs(arm.read().position_rad - target_rad).max())
    host.check(
        f"{N_EXCHANGES} exchanges with {len(config.joints)} motors, {config.driver}",
        f"p50 {np.percentile(took_ms, 50):.1f} ms, p99 {np.percentile(took_ms, 99):.1f} ms, last target missed by"
        f" {missed_rad:.4f} rad, {len(errors)} errors {errors[:1]}",
        ok=len(errors) <= N_EXCHANGES // 2 and missed_rad < 0.002,
    )
    return arm


def lost_in_the_middle(host: HostLine, arm: Arm) -> None:
    """Take the interface down while exchanges go on, and see what they say."""
    target_rad = arm.read().position_rad
    command("ip link set can0 down")
    t_start_ns = time.monotonic_ns()
    error: ForerunError | None = None
    while not isinstance(error, DeviceLostError) and time.monotonic_ns() - t_start_ns < LOST_WITHIN_S * 1e9:
        error = error_of(partial(arm.exchange, target_rad))
    took_s = (time.monotonic_ns() - t_start_ns) * 1e-9
    host.check(
        "taken down between exchanges",
        f"{type(error).__name__} after {took_s:.3f} s: {error}",
        ok=isinstance(error, DeviceLostError) and "can0 is down" in str(error),
    )
    arm.close()
