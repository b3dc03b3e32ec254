"""Driver, bytes and servos on real physics, in lockstep."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from drivers.feetech.arm import FeetechArm
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.messages import JointState, JointVector
from interfaces.robot_config import load_robot
from sim.feetech.arm import feetech_arm
from sim.feetech.bus import ServoBus
from sim.motors.servo_world import ServoWorld, simulated_servo_bus
from sim.serial.lockstep import LockstepSerial
from sim.world import World

CONFIG = feetech_arm(load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml").arm)
STEPS_A_PERIOD = 5


@dataclass
class Simulation:
    """The whole arm below the command loop."""

    world: World
    motors: ServoWorld
    bus: ServoBus
    arm: FeetechArm

    def let_pass(self, n_periods: int) -> None:
        for _ in range(n_periods):
            self.motors.write_to(self.world)
            self.world.step(STEPS_A_PERIOD)
            self.motors.read_from(self.world)

    def command(self, position_rad: JointVector) -> JointState:
        state = self.arm.exchange(position_rad)
        self.let_pass(1)
        return state


@pytest.fixture
def simulation() -> Simulation:
    world = World()
    motors = ServoWorld(world)
    bus = simulated_servo_bus(motors)
    port = LockstepSerial(bus, lambda: world.time_ns)
    return Simulation(world, motors, bus, FeetechArm(CONFIG, port.open_port))


def test_without_torque_the_arm_gives_way_and_held_it_stays(simulation: Simulation) -> None:
    simulation.arm.open()
    simulation.let_pass(20)
    state = simulation.arm.hold()
    simulation.let_pass(100)
    assert simulation.world.joint_positions_rad == pytest.approx(state.position_rad, abs=0.03)
    simulation.arm.release()
    simulation.let_pass(100)
    assert np.abs(simulation.world.joint_positions_rad - state.position_rad).max() > 0.1


def test_the_arm_follows_and_the_state_is_the_worlds(simulation: Simulation) -> None:
    simulation.arm.open()
    start_rad = simulation.arm.hold().position_rad
    goal_rad = start_rad + np.array([0.3, 0.2, -0.2, -0.3, 0.3, 0.2])
    for k in range(100):
        simulation.command(start_rad + (goal_rad - start_rad) * min(1, k / 80))
    measured = simulation.arm.read()
    assert simulation.world.joint_positions_rad == pytest.approx(goal_rad, abs=0.02)
    assert measured.position_rad == pytest.approx(simulation.world.joint_positions_rad, abs=RAD_PER_TICK)
    assert np.abs(measured.effort_ratio).max() <= 1


def test_a_torque_limit_of_the_robot_file_is_one_in_the_world(simulation: Simulation) -> None:
    simulation.arm.open()
    simulation.motors.set_effort_limit(0, 0.25)
    simulation.let_pass(1)
    assert simulation.world.model.actuator_forcerange[0].tolist() == pytest.approx([-0.8375, 0.8375])
    assert simulation.world.model.actuator_forcerange[1].tolist() == pytest.approx([-3.35, 3.35])


def test_pressing_on_the_table_is_no_overload(simulation: Simulation) -> None:
    simulation.arm.open()
    target_rad = simulation.arm.hold().position_rad.copy()
    efforts: list[float] = []
    for _ in range(500):
        target_rad[1] = min(1.7, target_rad[1] + 0.01)
        efforts.append(float(np.abs(simulation.command(target_rad).effort_ratio).max()))
    assert min(efforts[-250:]) > 0.9
