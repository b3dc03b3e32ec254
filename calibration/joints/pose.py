"""The operator holds the arm in a pose whose angles are known, and many readings are averaged."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from calibration.joints.motors import Motors
from calibration.joints.plan import Plan
from calibration.joints.unwrap import Counts, Unwrapper
from calibration.session.workplace import Workplace

N_READINGS = 200  # 2 s


def hold_pose(
    workplace: Workplace, motors: Motors, plan: Plan, middles: Counts, asked: list[int]
) -> NDArray[np.float64]:
    """Return the readings (reading, joint) of an arm that is held in the plan's pose; `asked` are the joints that count."""
    angles = ", ".join(f"{plan.names[i]} {math.degrees(plan.pose_rad[i]):g}" for i in asked)
    workplace.operator.wait(
        "hold-pose",
        f"Hold the arm still in its reference pose, in degrees: {angles}. A jig is better than a hand."
        " Press ENTER, and keep it there for two seconds.",
    )
    follow = Unwrapper(plan.names, motors.counts_per_turn, near=middles)
    readings: list[Counts] = []
    for k in range(N_READINGS):
        readings.append(follow.add(motors.read()))
        if k % 20 == 19:
            workplace.operator.progress("reading the reference pose", (k + 1) / N_READINGS)
    return np.array(readings)
