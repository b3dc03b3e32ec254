"""Between the servos' service loop and the physics: a mailbox, so that neither ever waits for the other.

The loop that steps the world calls `write_to` before and `read_from` after its steps; the servos see the world as it stood
after the last one. Entries are single numbers, so a reader in another thread sees old or new, never half of one.

What the truth says of the motors is done here: encoders mounted askew, targets that act late, play in the gears. The play is
between motor and shaft, and the encoder on the shaft: the shaft follows its target only once the motor has gone through it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from drivers.feetech.registers import OVERLOAD_TORQUE
from sim.feetech.bus import ServoBus
from sim.feetech.emulator import EmulatedServo
from sim.motors.effort_mean import EffortMean
from sim.motors.motion import Actuators
from sim.world import World

N_MOTORS = 6
FIRST_SERVO_ID = 1
NO_OVERLOAD = 100  # percent


class ServoWorld:
    """The six motors of the simulated arm, as the Actuators of sim/motors/motion.py."""

    def __init__(self, world: World, effort_over_s: float = 0.0) -> None:
        """Take over the world's pose; the motors are without torque until a servo enables it.

        The servos tell their effort as a mean over `effort_over_s`, or as it is at the instant where that is 0.
        """
        self._effort_mean = EffortMean(effort_over_s, N_MOTORS, world.time_ns) if effort_over_s else None
        self._force_range_nm: NDArray[np.float64] = world.model.actuator_forcerange[:N_MOTORS].copy()
        self._effort_limit_ratio = np.ones(N_MOTORS)
        self._torque = np.zeros(N_MOTORS, bool)
        self._offset_rad = np.array(world.truth.joint_offset_rad)
        self._half_play_rad = np.array(world.truth.backlash_rad) / 2
        self._delay_ns = round(world.truth.command_delay_ms * 1e6)
        self._late: deque[tuple[int, Callable[[], None]]] = deque()  # (when it acts, what is done), in order
        self._t_ns = world.time_ns
        self._target_rad = world.joint_positions_rad
        self._shaft_target_rad = self._target_rad.copy()
        self.read_from(world)

    def read_from(self, world: World) -> None:
        """Let the servos see the world as it stands now."""
        self._t_ns = world.time_ns
        self._position_rad = world.joint_positions_rad - self._offset_rad
        self._velocity_rad_s = world.joint_velocities_rad_s
        effort_ratio = world.joint_torques_nm / self._force_range_nm[:, 1]
        if self._effort_mean is not None:
            effort_ratio = self._effort_mean.add(effort_ratio, world.time_ns)
        self._effort_ratio = effort_ratio

    def write_to(self, world: World) -> None:
        """Hand targets, torque and torque limits of the servos over to the physics."""
        world.set_torque_enabled(self._torque)
        world.model.actuator_forcerange[:N_MOTORS] = self._force_range_nm * self._effort_limit_ratio[:, None]
        while self._late and self._late[0][0] <= world.time_ns:
            self._late.popleft()[1]()
        self._shaft_target_rad = np.clip(
            self._shaft_target_rad, self._target_rad - self._half_play_rad, self._target_rad + self._half_play_rad
        )
        world.set_targets(self._shaft_target_rad)

    @property
    def t_next_ns(self) -> int | None:
        """Return the world's time at which the next late order acts, for whoever steps exactly; None without one."""
        return self._late[0][0] if self._late else None

    @property
    def all_drive(self) -> bool:
        """Return whether every motor has torque."""
        return bool(self._torque.all())

    def position_rad(self, index: int) -> float:
        """Return the angle of a joint."""
        return float(self._position_rad[index])

    def velocity_rad_s(self, index: int) -> float:
        """Return the velocity of a joint."""
        return float(self._velocity_rad_s[index])

    def effort_ratio(self, index: int) -> float:
        """Return the torque of a motor over its largest."""
        return float(self._effort_ratio[index])

    def set_target_rad(self, index: int, target_rad: float) -> None:
        """Set the angle that a motor drives to from the next step on."""
        true_rad = target_rad + float(self._offset_rad[index])
        self._do(partial(self._target_rad.__setitem__, index, true_rad))

    def set_torque(self, index: int, *, enabled: bool) -> None:
        """Let a motor drive, or turn freely, from the next step on."""
        # As late as targets: or the motor would drive to its old one until the new one acts.
        self._do(partial(self._torque.__setitem__, index, enabled))

    def set_effort_limit(self, index: int, ratio: float) -> None:
        """Limit a motor's torque from the next step on."""
        self._effort_limit_ratio[index] = ratio

    def _do(self, action: Callable[[], None]) -> None:
        if self._delay_ns:
            self._late.append((self._t_ns + self._delay_ns, action))
        else:
            action()


def simulated_servo_bus(actuators: Actuators) -> ServoBus:
    """Return the bus of the simulated arm: six servos as from the factory, ids 1 to 6 in the order of the joints.

    But for one thing: the model's position gain reaches full torque 0.2 degrees off the target, a real servo's some ten
    degrees off. Any firm touch is full load here, and would be shut down as an overload after two seconds, so the
    threshold is put where load never gets.
    """
    servos = [EmulatedServo(FIRST_SERVO_ID + i, i, actuators) for i in range(N_MOTORS)]
    for servo in servos:
        servo.save(OVERLOAD_TORQUE.address, bytes((NO_OVERLOAD,)))
    return ServoBus(servos)
