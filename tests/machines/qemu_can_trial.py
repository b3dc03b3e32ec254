"""CAN controllers with a bit rate: our drivers on can0, emulated motors on can1 in another process. Runs inside the virtual machine.

QEMU's wire has no rate of its own, and knows no errors: every frame is acknowledged, so nothing here goes off the bus. That is
tried where the kernel can be told of it, in vcan_port_trial.py.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from drivers.arm import Arm
from drivers.can.link import read_link
from drivers.open_devices import open_arm
from interfaces.arm_config import AnyArmConfig, DamiaoConfig, RobstrideConfig
from interfaces.errors import BusTimeoutError, DeviceLostError, ForerunError, RefusedError
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot
from sim.can.bus_process import CanBusProcess
from tests.machines.can_interface import command
from tests.machines.qemu_inside import HostLine, error_of, wait_until
from tests.machines.qemu_swing import open_and_hold, swing

ROBOTS = Path(__file__).parents[2] / "robots"
RATE_HZ = 10.0
N_MOTORS = 2  # an emulated processor emulates both controllers: a frame and its answer take 3 ms, not 0.3
BITRATE_HZ = 1_000_000
LOST_WITHIN_S = 20.0


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
        taken_down_in_the_middle(host, *drive(host, robstrides()))
        command("ip link set can0 up")
        pulled_in_the_middle(host, *drive(host, robstrides()))
    with CanBusProcess("can:can1", "yam-rigid"):
        drive(host, yam())[0].close()
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


def drive(host: HostLine, config: AnyArmConfig) -> tuple[Arm, JointVector]:
    """Open, hold, swing, and report; return the arm, and the target that it holds."""
    arm = open_arm(config)
    held_rad = open_and_hold(arm)
    return arm, swing(host, arm, held_rad, f"{len(config.joints)} motors of {config.driver}")


def taken_down_in_the_middle(host: HostLine, arm: Arm, target_rad: JointVector) -> None:
    """Take the interface down while exchanges go on, and see what they say."""
    command("ip link set can0 down")
    error, took_s = until_lost(arm, target_rad)
    host.check(
        "taken down between exchanges",
        f"{type(error).__name__} after {took_s:.3f} s: {error}",
        ok=isinstance(error, DeviceLostError) and "can0 is down" in str(error),
    )
    arm.close()


def pulled_in_the_middle(host: HostLine, arm: Arm, target_rad: JointVector) -> None:
    """Pull the adapter while exchanges go on, see what they say, and plug it in again."""
    host.tell("unplug can0")
    error, took_s = until_lost(arm, target_rad)
    host.await_done("unplug can0")
    host.check(
        "adapter pulled between exchanges",
        f"{type(error).__name__} {took_s:.2f} s after the order: {error}",
        ok=isinstance(error, DeviceLostError) and "can0" in str(error),
    )
    arm.close()
    error = error_of(arm.open)
    host.check("opened while it is away", error, ok=isinstance(error, DeviceLostError) and "not there" in str(error))
    host.ask("plug can0")
    wait_until(Path("/sys/class/net/can0").exists, "can0 is back")
    error = error_of(arm.open)
    host.check("plugged in, and not yet up", error, ok=isinstance(error, DeviceLostError) and "is down" in str(error))
    command(f"ip link set can0 up type can bitrate {BITRATE_HZ} restart-ms 100")


def until_lost(arm: Arm, target_rad: JointVector) -> tuple[ForerunError | None, float]:
    """Return what exchanges raise in the end, and how many seconds that took."""
    t_start_ns = time.monotonic_ns()
    error: ForerunError | None = None
    while not isinstance(error, DeviceLostError) and time.monotonic_ns() - t_start_ns < LOST_WITHIN_S * 1e9:
        error = error_of(partial(arm.exchange, target_rad))
    return error, (time.monotonic_ns() - t_start_ns) * 1e-9
