"""One tick of motion as the command loop of the robot would drive it: ten-millisecond commands in whole servo ticks."""

import numpy as np

from sim.kinematics import Array
from sim.world import World

COMMAND_NS = 10_000_000
SERVO_TICK_RAD = 2 * np.pi / 4096
PHYSICS_STEPS_A_COMMAND = 5


def quantised_rad(angles_rad: Array) -> Array:
    """The nearest angles that an STS3215 can be told, or can report: 12 bits a turn."""
    return np.rint(angles_rad / SERVO_TICK_RAD) * SERVO_TICK_RAD


def execute_tick(world: World, from_rad: Array, to_rad: Array, tick_ns: int) -> None:
    """Moves the targets from (6,) to (6,) in a straight line over the tick, at 100 Hz; the last command is `to_rad`."""
    n_commands = tick_ns // COMMAND_NS
    for i_command in range(1, n_commands + 1):
        world.set_targets(quantised_rad(from_rad + (to_rad - from_rad) * (i_command / n_commands)))
        world.step(PHYSICS_STEPS_A_COMMAND)
