"""The driver against emulated servos of another process, on a real port: what may happen to a bus."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.feetech.arm import FeetechArm
from drivers.feetech.registers import RAD_PER_TICK
from drivers.open_devices import open_arm
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError
from interfaces.robot_config import load_robot
from sim.feetech.arm import feetech_arm
from sim.feetech.bus_process import ServoBusProcess

CONFIG = feetech_arm(load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml").arm)
POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4, 0.5, 0.6])


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServoBusProcess]:
    with ServoBusProcess(tmp_path_factory.mktemp("bus") / "servo-bus") as process:
        yield process


@pytest.fixture
def arm(emulator: ServoBusProcess) -> Iterator[FeetechArm]:
    # The slowest command rate there may be, so that a busy machine does not look like a lost packet.
    arm = open_arm(replace(CONFIG, port=str(emulator.path), rate_hz=2.0))
    assert isinstance(arm, FeetechArm)
    arm.open()
    yield arm
    arm.close()


def test_the_real_port_carries_targets_and_state(arm: FeetechArm) -> None:
    arm.hold()
    assert arm.exchange(POSE_RAD).position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)
    arm.release()


def test_a_lost_packet_is_a_timeout_and_the_next_cycle_is_fine(arm: FeetechArm, emulator: ServoBusProcess) -> None:
    arm.hold()
    emulator.tell("drop 12")  # all answers, and those to the second question
    with pytest.raises(BusTimeoutError, match="servo 1"):
        arm.exchange(POSE_RAD)
    assert arm.exchange(POSE_RAD).position_rad == pytest.approx(POSE_RAD, abs=RAD_PER_TICK / 2)


def test_late_answers_through_the_kernel_are_never_taken_for_new(arm: FeetechArm, emulator: ServoBusProcess) -> None:
    arm.close()
    fast = FeetechArm(replace(CONFIG, port=str(emulator.path), rate_hz=100.0))
    fast.open()
    fast.hold()
    n_sent = 0

    def exchange() -> bool:
        nonlocal n_sent
        n_sent += 1
        time.sleep(0.01)  # the rate of the robot
        goal_rad = np.full(6, 2 * RAD_PER_TICK * (n_sent % 256))
        try:
            state = fast.exchange(goal_rad)
        except BusTimeoutError:
            return False
        assert state.position_rad == pytest.approx(goal_rad, abs=RAD_PER_TICK / 2)
        return True

    for delay_ms in (0, 5, 12, 40, 3, 90, 0, 15):
        emulator.tell(f"delay {delay_ms}")
        for _ in range(12):
            exchange()
    emulator.tell("delay 0")
    t_end_ns = time.monotonic_ns() + 60_000_000_000
    while not exchange():
        assert time.monotonic_ns() < t_end_ns
    fast.close()


def test_unplugging_is_told_and_replugging_works(arm: FeetechArm, emulator: ServoBusProcess) -> None:
    arm.hold()
    emulator.tell("unplug")
    with pytest.raises(DeviceLostError, match="servo-bus is gone"):
        arm.exchange(POSE_RAD)
    with pytest.raises(DeviceLostError, match="servo-bus is not there"):
        arm.open()
    emulator.tell("plug")
    arm.open()
    arm.hold()
    arm.exchange(POSE_RAD)


def test_a_port_in_use_is_refused(arm: FeetechArm, emulator: ServoBusProcess) -> None:
    second = FeetechArm(replace(CONFIG, port=str(emulator.path)))
    with pytest.raises(DeviceError, match="in use by another program"):
        second.open()
    arm.read()


def test_at_another_rate_nobody_answers(emulator: ServoBusProcess) -> None:
    arm = FeetechArm(replace(CONFIG, port=str(emulator.path), baud_hz=500_000))
    with pytest.raises(BusTimeoutError, match="no answer at 500000 baud; 0 of 6 servos answer"):
        arm.open()


def test_a_port_that_is_no_port_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(DeviceError, match="cannot be opened at 1000000 baud"):
        FeetechArm(replace(CONFIG, port=str(path))).open()
