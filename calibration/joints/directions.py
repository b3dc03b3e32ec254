"""The operator turns each joint to the side that is called positive, and sees what the robot file takes it for."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from calibration.joints.direction import TurnedByHand, another_moved, counted_direction
from calibration.joints.motors import Motors
from calibration.joints.plan import Plan
from calibration.joints.sweep import READINGS_A_LOOK, Swept
from calibration.joints.tables import side_table
from calibration.joints.unwrap import Counts, Unwrapper
from calibration.session.workplace import Workplace
from interfaces.errors import RefusedError

NO_WORDS = (
    "to the side that is positive in your drawing or simulator (the robot file's key `positive` can say it in words)"
)
ATTEMPTS = 3
STILL_READINGS = 100  # 1 s: where nobody presses a key, a joint that was turned and stands has been turned
STILL_RAD = 0.02


class TurningLog:
    """One joint's way to its positive side, the others watched."""

    def __init__(self, plan: Plan, index: int, swept: Swept, rad_per_count: float) -> None:
        joint, travel = plan.joints[index], swept.travels[index]
        has_stops = plan.stops_rad(joint) is not None
        self._ends = (travel.low.at_counts, travel.high.at_counts) if has_stops else (None, None)
        self._index, self._joint, self._rad_per_count = index, joint, rad_per_count
        self._readings: list[Counts] = []

    def add(self, counts: Counts) -> None:
        """Take one reading of all joints, continuous."""
        self._readings.append(counts)

    @property
    def turned(self) -> TurnedByHand:
        """Return the joint's way so far."""
        before, after = (float(reading[self._index]) for reading in (self._readings[0], self._readings[-1]))
        return TurnedByHand(
            before_counts=before, after_counts=after, low_counts=self._ends[0], high_counts=self._ends[1]
        )

    @property
    def moved_rad(self) -> Counts:
        """Return by how much each joint moved, (joint,)."""
        return (self._readings[-1] - self._readings[0]) * self._rad_per_count

    @property
    def direction(self) -> int | None:
        """Return which way the motor counts towards the positive side, None while that is not to be told."""
        return counted_direction(self.turned, self._rad_per_count)

    def look(self) -> Table:
        """Return what the operator sees."""
        turned, sense = self.turned, self._joint.direction * self._rad_per_count
        middle = (
            None
            if turned.low_counts is None or turned.high_counts is None
            else (turned.low_counts + turned.high_counts) / 2
        )
        off_middle_rad = None if middle is None else (turned.after_counts - middle) * sense
        turned_rad = (turned.after_counts - turned.before_counts) * sense
        return side_table(self._joint.name, self._joint.positive or NO_WORDS, off_middle_rad, turned_rad)

    def is_done(self) -> bool:
        """Return whether the joint was turned, and stands since."""
        if len(self._readings) < STILL_READINGS or self.direction is None:
            return False
        column = np.array(self._readings)[:, self._index] * self._rad_per_count
        return bool(np.ptp(column) > STILL_RAD and np.ptp(column[-STILL_READINGS:]) < STILL_RAD)


def find_directions(workplace: Workplace, motors: Motors, plan: Plan, swept: Swept) -> tuple[int, ...]:
    """Return which way each joint's motor counts towards its positive side; the robot file's word where nobody is asked."""
    if not plan.ask_directions:
        return tuple(joint.direction for joint in plan.joints)
    return tuple(_direction(workplace, motors, plan, swept, index) for index in range(len(plan.joints)))


def _direction(workplace: Workplace, motors: Motors, plan: Plan, swept: Swept, index: int) -> int:
    joint = plan.joints[index]
    way = joint.positive or NO_WORDS
    for _ in range(ATTEMPTS):
        log = _turn(workplace, motors, plan, swept, index)
        other = another_moved(log.moved_rad, index)
        if other is not None:
            name = plan.names[other]
            workplace.operator.say(
                f"[yellow]{name} moved instead of {joint.name}.[/] Was that you? If not, their ids are swapped."
            )
        elif log.direction is None:
            workplace.operator.say(f"[yellow]{joint.name} has to be moved farther: {way}.[/]")
        elif log.direction == joint.direction or _is_sure(workplace, joint.name, way):
            return log.direction
    raise RefusedError(
        f"{joint.name}: which way it counts could not be told in {ATTEMPTS} attempts; nothing is changed"
    )


def _turn(workplace: Workplace, motors: Motors, plan: Plan, swept: Swept, index: int) -> TurningLog:
    joint = plan.joints[index]
    log = TurningLog(plan, index, swept, motors.rad_per_count)
    follow = Unwrapper(plan.names, motors.counts_per_turn, near=swept.middles)

    def look() -> Table:
        for _ in range(READINGS_A_LOOK):
            log.add(follow.add(motors.read()))
        return log.look()

    instruction = f"Which way {joint.name} counts. Move it by hand, well past its middle: {joint.positive or NO_WORDS}."
    workplace.operator.watch(f"direction-{joint.name}", instruction, look, log.is_done)
    return log


def _is_sure(workplace: Workplace, name: str, way: str) -> bool:
    question = f"{name} counts the other way than the robot file says. Did you really move it so: {way}?"
    return workplace.operator.confirm("direction-sure", question, default=True)
