"""The operator moves every joint from stop to stop, and sees in a living table what is still missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.table import Table

from calibration.joints.motors import Motors
from calibration.joints.plan import Plan
from calibration.joints.stops import AWAY_RAD, Travel, find_travel
from calibration.joints.tables import SweepRow, sweep_table
from calibration.joints.unwrap import Counts, Unwrapper
from calibration.session.workplace import Workplace
from interfaces.arm_config import JointConfig

READINGS_A_LOOK = 4
ATTEMPTS = 3
SHORT_RAD = 0.052  # 3 degrees: a travel may be so much shorter than the drawing's, and is then complete all the same
INSTRUCTION = (
    "Move every joint by hand to one stop, keep it there for a moment, then to the other, and do that twice. One joint after"
    " the other, in any order; do not force anything. Joints that turn freely stay as they are."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What the sweep told."""

    travels: tuple[Travel, ...]  # in the order of the robot file
    middles: Counts  # (joint,) of the travels


class SweepLog:
    """All readings of a sweep, and what they tell so far."""

    def __init__(self, plan: Plan, rad_per_count: float) -> None:
        self._plan = plan
        self._rad_per_count = rad_per_count
        self._readings: list[Counts] = []

    def add(self, counts: Counts) -> None:
        """Take one reading of all joints, continuous."""
        self._readings.append(counts)

    def swept(self) -> Swept:
        """Return the travels of all joints."""
        readings = np.array(self._readings)
        travels = tuple(find_travel(column, self._rad_per_count) for column in readings.T)
        middles = np.array([(travel.low.at_counts + travel.high.at_counts) / 2 for travel in travels])
        return Swept(travels=travels, middles=middles)

    def rows(self) -> list[SweepRow]:
        """Return what the table shows of each joint; angles count from where the joint stood when the sweep began."""
        swept = self.swept()
        now = np.array(self._readings[-1] - self._readings[0])
        starts = self._readings[0]
        return [
            self._row(joint, travel, float(now[i]), float(starts[i]))
            for i, (joint, travel) in enumerate(zip(self._plan.joints, swept.travels, strict=True))
        ]

    def is_complete(self) -> bool:
        """Return whether every joint with stops was at both of them."""
        return bool(self._readings) and all(row.is_complete for row in self.rows())

    def _row(self, joint: JointConfig, travel: Travel, now: float, start: float) -> SweepRow:
        stops_rad = self._plan.stops_rad(joint)
        width_rad = travel.width_rad(self._rad_per_count)
        missing_rad = 0.0 if stops_rad is None else max(0.0, stops_rad[1] - stops_rad[0] - width_rad)
        complete = missing_rad <= SHORT_RAD and min(travel.low.n_visits, travel.high.n_visits) > 0
        moved = width_rad > AWAY_RAD  # one that stood all the while stood at no stop
        return SweepRow(
            name=joint.name,
            now_rad=now * self._rad_per_count,
            lowest_rad=(travel.low.at_counts - start) * self._rad_per_count,
            highest_rad=(travel.high.at_counts - start) * self._rad_per_count,
            expected_rad=None if stops_rad is None else stops_rad[1] - stops_rad[0],
            missing_rad=missing_rad,
            n_visits=(travel.low.n_visits, travel.high.n_visits) if moved else (0, 0),
            is_complete=stops_rad is None or complete,
        )


def sweep(workplace: Workplace, motors: Motors, plan: Plan) -> Swept:
    """Return the travel of every joint; raises DeviceError where one moved unseen."""
    log = SweepLog(plan, motors.rad_per_count)
    follow = Unwrapper(plan.names, motors.counts_per_turn)

    def look() -> Table:
        for _ in range(READINGS_A_LOOK):
            log.add(follow.add(motors.read()))
        return sweep_table(log.rows())

    operator = workplace.operator
    for _ in range(ATTEMPTS):
        operator.watch("sweep", INSTRUCTION, look, log.is_complete)
        missing = [row.name for row in log.rows() if not row.is_complete]
        question = f"Not yet from stop to stop: {', '.join(missing)}. Go on?"
        if not missing or not operator.confirm("sweep-on", question, default=True):
            break
    return log.swept()
