"""A dry run on emulated servos: everything is set up and measured, and nothing is moved or held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drivers.feetech.arm import FeetechArm
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.errors import BusTimeoutError, DeviceLostError
from interfaces.robot_config import load_robot
from runtime.command.dry_arm import DryArm
from sim.feetech.arm import feetech_arm
from sim.feetech.bus import ServoBus
from sim.feetech.bus_process import RigidActuators
from sim.feetech.emulator import EmulatedServo
from sim.serial.lockstep import LockstepSerial

CONFIG = feetech_arm(load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml").arm)
POSE_RAD = np.array([0.1, -0.2, 0.3, -0.4, 0.5, 0.6])


class Bench:
    """A dry arm joined to six servos on a virtual clock."""

    def __init__(self) -> None:
        self.motors = RigidActuators(6)
        self.motors.positions_rad[:] = POSE_RAD.tolist()
        self.bus = ServoBus([EmulatedServo(1 + i, i, self.motors) for i in range(6)])
        self.t_now_ns = 10**9
        port = LockstepSerial(self.bus, lambda: self.t_now_ns)
        self.arm = DryArm(FeetechArm(CONFIG, port.open_port))

    def period(self) -> None:
        self.t_now_ns += CONFIG.period_ns


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_targets_go_nowhere_and_torque_stays_off(bench: Bench) -> None:
    bench.arm.open()
    bench.arm.hold()
    for _ in range(10):
        bench.period()
        joints = bench.arm.exchange(POSE_RAD + 1.0)
        np.testing.assert_allclose(joints.position_rad, POSE_RAD, atol=RAD_PER_TICK)
    bench.arm.release()
    assert bench.motors.torque == [False] * 6
    assert bench.motors.positions_rad == POSE_RAD.tolist()


def test_torque_that_was_on_stays_on(bench: Bench) -> None:
    bench.motors.torque[:] = [True] * 6
    bench.arm.open()
    bench.arm.hold()
    bench.period()
    bench.arm.exchange(POSE_RAD + 1.0)
    bench.arm.release()
    bench.arm.close()
    assert bench.motors.torque == [True] * 6
    assert bench.motors.positions_rad == POSE_RAD.tolist()


def test_who_the_motors_are_and_whether_they_drive_is_told(bench: Bench) -> None:
    bench.arm.open()
    assert [motor.model for motor in bench.arm.identity()] == ["STS3215"] * 6
    assert bench.arm.torque() == (False,) * 6
    bench.bus.servos[3].write(40, b"\x01")
    assert bench.arm.torque() == (False, False, False, True, False, False)


def test_an_arm_that_is_moved_by_hand_is_measured(bench: Bench) -> None:
    bench.arm.open()
    bench.arm.hold()
    bench.motors.positions_rad[2] = -0.7
    bench.period()
    assert bench.arm.exchange(POSE_RAD).position_rad[2] == pytest.approx(-0.7, abs=RAD_PER_TICK)
    assert bench.arm.read().position_rad[2] == pytest.approx(-0.7, abs=RAD_PER_TICK)


def test_what_goes_wrong_on_the_bus_goes_wrong(bench: Bench) -> None:
    bench.arm.open()
    bench.bus.faults.silent_ids.add(3)
    bench.period()
    with pytest.raises(BusTimeoutError, match="elbow_flex"):
        bench.arm.exchange(POSE_RAD)
    bench.arm.close()
    with pytest.raises(DeviceLostError):
        bench.arm.exchange(POSE_RAD)
