"""An FTDI adapter on real USB, unplugged and plugged in again under the driver of the servos. Runs inside the virtual machine."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from drivers.feetech.arm import FeetechArm
from interfaces.arm_config import FeetechConfig
from interfaces.errors import DeviceLostError, ForerunError
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot
from tests.machines.qemu_inside import HostLine, error_of, wait_until
from tests.machines.qemu_swing import open_and_hold, swing

PORT = Path("/dev/ttyUSB0")
LATENCY_TIMER = Path("/sys/bus/usb-serial/devices/ttyUSB0/latency_timer")  # so many ms bytes are kept back
RATE_HZ = 10.0  # an emulated processor emulates the adapter, too
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
    held_rad = open_and_hold(arm)
    after = LATENCY_TIMER.read_text(encoding="ascii").strip()
    host.check("latency timer before and after our open", f"{before} ms, {after} ms", ok=(before, after) == ("16", "1"))
    target_rad = swing(host, arm, held_rad, "six servos")
    unplug_in_the_middle(host, arm, target_rad)
    arm.close()
    refused_while_away(host)
    host.ask("plug adapter")
    took_s = wait_until(PORT.exists, f"{PORT} is back")
    host.check("plugged in again", f"{PORT} is back after {took_s:.1f} s", ok=True)
    swing(host, arm, open_and_hold(arm), "six servos again")
    arm.release()
    arm.close()


def arm_config() -> FeetechConfig:
    """Return the SO-101 at our port."""
    arm = load_robot(ROBOT).arm
    assert isinstance(arm, FeetechConfig)
    return replace(arm, port=str(PORT), rate_hz=RATE_HZ)


def unplug_in_the_middle(host: HostLine, arm: FeetechArm, target_rad: JointVector) -> None:
    """Have the adapter pulled while exchanges go on, and see what they say."""
    host.tell("unplug adapter")
    t_start_ns = time.monotonic_ns()
    earlier: set[str] = set()
    error: ForerunError | None = None
    while not isinstance(error, DeviceLostError) and time.monotonic_ns() - t_start_ns < LOST_WITHIN_S * 1e9:
        error = error_of(partial(arm.exchange, target_rad))
        earlier.add(type(error).__name__)
    took_s = (time.monotonic_ns() - t_start_ns) * 1e-9
    host.await_done("unplug adapter")
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
