"""The driver over a serial CAN adapter on a pty, its motors in another process: nothing of ours in between but bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from bench.arm_rigs.damiao import ROBOT_FILE
from drivers.damiao.arm import DamiaoArm
from interfaces.arm_config import DamiaoConfig
from interfaces.errors import BusTimeoutError, DeviceLostError
from interfaces.robot_config import load_robot
from sim.can.bus_process import CanBusProcess

Result = TypeVar("Result")
ATTEMPTS = 30  # a busy machine may leave the emulator asleep for a while


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[CanBusProcess]:
    with CanBusProcess(tmp_path / "adapter", "yam-rigid") as process:
        yield process


def arm_on(emulator: CanBusProcess) -> DamiaoArm:
    config = load_robot(ROBOT_FILE).arm
    assert isinstance(config, DamiaoConfig)
    return DamiaoArm(replace(config, port=f"slcan:{emulator.path}", rate_hz=5.0, motor_timeout_ms=0.0))


def patiently(call: Callable[[], Result]) -> Result:
    """Do something again while motors, or the adapter, are late."""
    for _ in range(ATTEMPTS):
        with suppress(BusTimeoutError, DeviceLostError):
            return call()
    return call()


def read_until_lost(arm: DamiaoArm) -> None:
    """Read on while motors only are late."""
    for _ in range(ATTEMPTS):
        with suppress(BusTimeoutError):
            arm.read()


def test_motors_are_found_held_moved_and_released(emulator: CanBusProcess) -> None:
    arm = arm_on(emulator)
    start = patiently(arm.open).position_rad
    held = patiently(arm.hold).position_rad
    assert held == pytest.approx(start, abs=1e-3)
    target = held + np.array([3, 3, 3, -3, 3, 3, 3]) * 1e-3
    patiently(lambda: arm.exchange(target))
    assert patiently(arm.read).position_rad == pytest.approx(target, abs=1e-3)
    patiently(arm.release)
    arm.close()


def test_a_pulled_cable_is_a_lost_bus_and_opens_again(emulator: CanBusProcess) -> None:
    arm = arm_on(emulator)
    patiently(arm.open)
    patiently(arm.hold)
    emulator.tell("unplug")
    with pytest.raises(DeviceLostError):
        read_until_lost(arm)
    with pytest.raises(DeviceLostError):
        arm.open()
    emulator.tell("plug")
    emulator.tell("restart")
    patiently(arm.open)
    patiently(arm.hold)
    arm.close()
