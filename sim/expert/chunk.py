"""The expert's plan over a horizon, as a policy would give it: rows chosen by time make up for late observations."""

from dataclasses import replace

import numpy as np

from sim.expert.expert import expert_target
from sim.kinematics import Array, so101_kinematics
from sim.world import Observation

# The cylinder is held when the fingers are this near each other, and it is this near their tip.
HOLDING_RAD = 0.33
HOLDING_M = 0.035


def expert_chunk(task_name: str, observation: Observation, horizon: int, step_s: float) -> Array:
    """Joint targets (horizon, 6) in rad; row k is for k steps after the observation, row 0 the joints observed.

    Plays the expert against its own targets: the arm is taken to follow them, the object to stay unless it is held.
    """
    rows_rad = np.empty((horizon, 6))
    rows_rad[0] = observation.joints_rad
    for i_row in range(1, horizon):
        rows_rad[i_row] = expert_target(task_name, observation, step_s)
        observation = _followed(task_name, observation, rows_rad[i_row])
    return rows_rad


def _followed(task_name: str, observation: Observation, joints_rad: Array) -> Observation:
    """What would be seen with the joints there: a held cylinder comes along, everything else stays."""
    seen = observation.object_state
    if task_name == "lift" and observation.joints_rad[5] < HOLDING_RAD:
        before_m, after_m = so101_kinematics().tip_path(np.stack([observation.joints_rad, joints_rad]))
        if np.linalg.norm(seen.position_m - before_m) < HOLDING_M:
            seen = replace(seen, position_m=seen.position_m + after_m - before_m)
    return Observation(joints_rad=joints_rad, object_state=seen)
