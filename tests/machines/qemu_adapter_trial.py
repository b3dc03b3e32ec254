"""An FTDI adapter on real USB, unplugged and plugged in again under the driver of the servos. Runs inside the virtual machine."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from drivers.feetech import FeetechArm
from interfaces.arm_config import FeetechConfig
from interfaces.errors import BusTimeoutError, DeviceLostError, ForerunError
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot
from tests.machines.qemu_inside import HostLine, error_of, wait_until

PORT = Path("/dev/ttyUSB0")
LATENCY_TIMER = Path("/sys/bus/usb-serial/devices/ttyUSB0/latency_timer")  # so many ms bytes are kept back
RATE_HZ = 10.0  # an emulated processor emulates the adapter, too
N_EXCHANGES = 100
LOST_WITHIN_S = 5.0
ROBOT = Path(__file__).parents[2] / "robots" / "so101.toml"


def run(host: HostLine) -> None:
    """Open, hold, exchange; unplug in the middle of that; plug in, and all again."""
    wait_until(PORT.exists, f"{PORT} is there")
    driver = (Path("/sys/class/tty") / PORT.name / "device/driver").resolve().name
    host.check(f"the kernel's driver of {PORT}", driver, ok=driver == "ftdi_sio")
    LATENCY_TIMER.write_text("16\n", encoding="ascii")  # what real ones start with; the emulated one starts with 0
    before = LATENCY_TIMER.read_text(encoding="ascii").strip()
    arm = FeetechArm(arm_config())
    arm.open()
    after = LATENCY_TIMER.read_text(encoding="ascii").strip()
    host.check("latency timer before and after our open", f"{before} ms, {after} ms", ok=(before, after) == ("16", "1"))
    target_rad = hold_and_exchange(host, arm)
    unplug_in_the_middle(host, arm, target_rad)
    arm.close()
    refused_while_away(host)
    host.ask("plug")
    took_s = wait_until(PORT.exists, f"{PORT} is back")
    host.check("plugged in again", f"{PORT} is back after {took_s:.1f} s", ok=True)
    arm.open()
    hold_and_exchange(host, arm)
    arm.release()
    arm.close()


def arm_config() -> FeetechConfig:
    """Return the SO-101 at our port."""
    arm = load_robot(ROBOT).arm
    assert isinstance(arm, FeetechConfig)
    return replace(arm, port=str(PORT), rate_hz=RATE_HZ)


def hold_and_exchange(host: HostLine, arm: FeetechArm) -> JointVector:
    """Hold, let the arm follow a slow swing, and report; return the last target."""
    held = arm.hold().position_rad
    took_ms: list[float] = []
    n_silent = 0
    target_rad = held
    for i in range(N_EXCHANGES):
        target_rad = held + 0.05 * np.sin(2 * np.pi * i / N_EXCHANGES)
        t_start_ns = time.monotonic_ns()
        try:
            arm.exchange(target_rad)
        except BusTimeoutError:
            n_silent += 1
        took_ms.append((time.monotonic_ns() - t_start_ns) * 1e-6)
    error_rad = float(np.abs(arm.read().position_rad - target_rad).max())
    host.check(
        f"{N_EXCHANGES} exchanges with six servos",
        f"p50 {np.percentile(took_ms, 50):.1f} ms, p99 {np.percentile(took_ms, 99):.1f} ms, {n_silent} without an answer in"
        f" time, last target missed by {error_rad:.4f} rad",
        ok=n_silent <= N_EXCHANGES // 2 and error_rad < 0.002,
    )
    return target_rad


def unplug_in_the_middle(host: HostLine, arm: FeetechArm, target_rad: JointVector) -> None:
    """Have the adapter pulled while exchanges go on, and see what they say."""
    host.tell("unplug")
    t_start_ns = time.monotonic_ns()
    earlier: set[str] = set()
    error: ForerunError | None = None
    while not isinstance(error, DeviceLostError) and time.monotonic_ns() - t_start_ns < LOST_WITHIN_S * 1e9:
        error = error_of(partial(arm.exchange, target_rad))
        earlier.add(type(error).__name__)
    took_s = (time.monotonic_ns() - t_start_ns) * 1e-9
    host.await_done("unplug")
    earlier -= {"NoneType", "DeviceLostError"}
    host.check(
        "unplugged between exchanges",
        f"{type(error).__name__} {took_s:.2f} s after the order to unplug: {error}; other errors before: {sorted(earlier) or 'none'}",
        ok=isinstance(error, DeviceLostError) and str(PORT) in str(error),
    )
    gone_s = wait_until(lambda: not PORT.exists(), f"{PORT} is gone")
    host.check("the device file", f"gone {gone_s:.2f} s later", ok=True)


def refused_while_away(host: HostLine) -> None:
    """Opening what is not plugged in says so."""
    error = error_of(FeetechArm(arm_config()).open)
    host.check("opened while unplugged", error, ok=isinstance(error, DeviceLostError) and "plugged in" in str(error))
