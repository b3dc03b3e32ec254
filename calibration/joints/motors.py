"""The limp arm as this calibration reads it: counts of the motors' own encoders, whatever family they are.

Servos that keep a homing offset (Feetech, Dynamixel) are read bare, their offsets taken out, through drivers/homing.py: an arm
whose travel crosses its encoder's seam does not even open as an Arm. All others are read as an Arm, in radians of the motor's
own sense; the zero of the robot file is only where these are counted from, and where a drive's count would wrap, the driver
itself refuses the travel.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from calibration.joints.seam import SeamRule
from calibration.joints.unwrap import Counts
from calibration.session.clock import Clock
from calibration.session.workplace import Workplace
from drivers.arm import Arm
from drivers.homing import ServoHoming, Ticks
from interfaces.arm_config import AnyArmConfig
from interfaces.calibration.homes import homes
from interfaces.device_facts import MotorIdentity
from interfaces.errors import BusTimeoutError

READING_NS = 10_000_000
LOST_READINGS_MAX = 5  # in a row
TURN_RAD = 2 * math.pi

T = TypeVar("T")


class Motors(Protocol):
    """The motors of a limp arm; joints in the order of the robot file. Errors as of drivers/arm.py."""

    rad_per_count: float
    counts_per_turn: float | None  # after how many counts they begin anew; None where they do not

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which motors these are."""
        ...

    def torque(self) -> tuple[bool, ...]:
        """Ask each motor whether it drives."""
        ...

    def release(self) -> None:
        """Disable torque."""
        ...

    def read(self) -> Counts:
        """Wait for the next reading, and return it."""
        ...

    def homes(self, zero_counts: Counts) -> tuple[float, ...]:
        """Return the values of the robot file's key for the zero, from the counts at 0 rad."""
        ...


class ServoMotors:
    """Servos with homing offsets, read bare."""

    def __init__(self, servos: ServoHoming, clock: Clock) -> None:
        """`servos` are open."""
        self.servos = servos
        self.counts_per_turn: float | None = servos.ticks_per_turn
        self.rad_per_count = TURN_RAD / servos.ticks_per_turn
        self.rule = SeamRule(
            ticks_per_turn=servos.ticks_per_turn,
            offset_max_ticks=servos.offset_max_ticks,
            moves_seam=servos.seam_moves,
        )
        self._pace = _Pace(clock)

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which servos these are."""
        return self.servos.identity()

    def torque(self) -> tuple[bool, ...]:
        """Ask each servo whether it drives."""
        return self.servos.torque()

    def release(self) -> None:
        """Disable torque."""
        self.servos.release()

    def read(self) -> Counts:
        """Return the bare encoders' counts."""
        self._pace.wait()
        return _patiently(self.servos.encoder_ticks).astype(np.float64)

    def offsets(self) -> Ticks:
        """Return the homing offsets that the servos keep now."""
        return np.array([motor.homing_offset for motor in self.servos.identity()], np.int64)

    def homes(self, zero_counts: Counts) -> tuple[float, ...]:
        """Return `home_ticks`: the bare reading at 0 rad.

        Where the seam moves, any turn is as good as another; where it does not, the turn that the travel lies in is meant.
        """
        if self.rule.moves_seam:
            return tuple((zero_counts % self.rule.ticks_per_turn).tolist())
        return tuple(zero_counts.tolist())


class PlainMotors:
    """Motors that tell whole turns, or whose driver knows them; read as an Arm, with the robot file's zeros taken out."""

    def __init__(self, arm: Arm, config: AnyArmConfig, clock: Clock) -> None:
        """`arm` is open."""
        self._arm = arm
        self._config = config
        self._direction = config.vector("direction")
        self.counts_per_turn: float | None = None
        self.rad_per_count = 1.0
        self._pace = _Pace(clock)

    def identity(self) -> tuple[MotorIdentity, ...]:
        """Return which motors these are."""
        return self._arm.identity()

    def torque(self) -> tuple[bool, ...]:
        """Ask each motor whether it drives."""
        return self._arm.torque()

    def release(self) -> None:
        """Disable torque."""
        self._arm.release()

    def read(self) -> Counts:
        """Return by how many radians each joint is turned from the robot file's zero, in the motor's own sense."""
        self._pace.wait()
        return _patiently(self._arm.read).position_rad * self._direction

    def homes(self, zero_counts: Counts) -> tuple[float, ...]:
        """Return the key of the family: what the motor itself counts at 0 rad."""
        moved = zero_counts * home_per_rad(self._config)
        return tuple((np.array(homes(self._config)) + moved).tolist())


@contextlib.contextmanager
def open_motors(workplace: Workplace) -> Generator[ServoMotors | PlainMotors, None, None]:
    """Open the bus for reading; torque stays as it is, at the end too."""
    servos = workplace.make_homing()
    if servos is not None:
        servos.open()
        try:
            yield ServoMotors(servos, workplace.clock)
        finally:
            servos.close()
        return
    arm = workplace.make_arm(workplace.robot.arm)
    arm.open()
    try:
        yield PlainMotors(arm, workplace.robot.arm, workplace.clock)
    finally:
        arm.close()


def home_per_rad(config: AnyArmConfig) -> NDArray[np.float64]:
    """Return by how much the robot file's home changes a radian of each joint's motor, (joint,)."""
    per_turn = {"odrive": "turns_per_turn", "cia402": "counts_per_turn"}.get(config.driver)
    return config.vector(per_turn) / TURN_RAD if per_turn else np.ones(len(config.joints))


class _Pace:
    """A reading every so often, on the clock of the workplace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._t_next_ns = 0

    def wait(self) -> None:
        self._t_next_ns = max(self._t_next_ns + READING_NS, self._clock.now_ns())
        self._clock.wait_until(self._t_next_ns)


def _patiently(ask: Callable[[], T]) -> T:
    """Ask again where an answer got lost; raises BusTimeoutError for a row of losses."""
    for _ in range(LOST_READINGS_MAX - 1):
        with contextlib.suppress(BusTimeoutError):
            return ask()
    return ask()
