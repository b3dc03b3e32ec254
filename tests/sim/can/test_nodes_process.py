"""CANopen drives and ODrive axes in another process, behind a serial adapter: the drivers as the robot opens them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from bench.can_cycle import arm_config
from drivers.open_devices import open_arm
from interfaces.arm_config import Cia402Config
from interfaces.errors import BusTimeoutError
from sim.can.bus_process import CanBusProcess

T = TypeVar("T")
ATTEMPTS = 30
# So slow that a busy machine is in time, most times: what is late is said, and done again.
RATE_HZ = 4.0


def again_when_late(call: Callable[[], T]) -> T:
    """Return what `call` does, as soon as it is not too late for its deadline."""
    for _ in range(ATTEMPTS - 1):
        with suppress(BusTimeoutError):
            return call()
    return call()


@pytest.mark.parametrize("driver", ["cia402", "odrive"])
def test_it_moves_behind_a_serial_adapter(tmp_path: Path, driver: str) -> None:
    path = tmp_path / "adapter"
    config = replace(arm_config(driver, 2, RATE_HZ), port=f"slcan:{path}")
    if isinstance(config, Cia402Config):
        config = replace(config, motor_timeout_ms=20_000.0)
    target_rad = np.array([0.25, -0.5])
    with CanBusProcess(path, f"{driver}:2"):
        arm = open_arm(config)
        again_when_late(arm.open)
        assert again_when_late(arm.hold).position_rad == pytest.approx([0, 0], abs=1e-4)
        again_when_late(lambda: arm.exchange(target_rad))
        state = again_when_late(lambda: arm.exchange(target_rad))
        assert state.position_rad == pytest.approx(target_rad, abs=1e-4)
        again_when_late(arm.release)
        arm.close()
