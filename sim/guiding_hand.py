"""A person's hand on the arm: it takes joints by a soft grip and leads them where it wants, with no more force than it has.

It feels the arm's weight and carries it, as a person does; what it meets (hard stops, the table, driving motors) stays as
hard as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.mujoco_headless import mujoco

Array = NDArray[np.float64]

N_JOINTS = 6
GRIP_NM_RAD = 120.0
GRIP_NM_S_RAD = 4.0
PATIENCE_NM_RAD_S = 1500.0  # whoever does not get there pushes a little harder ...
PATIENCE_MAX_NM = 0.4  # ... to overcome dry friction
FORCE_MAX_NM = 1.2  # beside the arm's weight
SPEED_RAD_S = 1.2


class GuidingHand:
    """Six joints, each held or not."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._goal_rad = np.full(N_JOINTS, np.nan)
        self._speed_rad_s = SPEED_RAD_S
        self._at_rad = np.full(N_JOINTS, np.nan)  # where the hand is now, on its way to the goal
        self._patience_nm = np.zeros(N_JOINTS)

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Return which joints it holds (6,)."""
        return ~np.isnan(self._goal_rad)

    @property
    def is_idle(self) -> bool:
        """Return whether it holds nothing."""
        return bool(np.isnan(self._goal_rad).all())

    @property
    def is_there(self) -> bool:
        """Return whether the hand itself, which the arm may not have followed, is where it wants to be."""
        return bool((self._goal_rad == self._at_rad)[self.holds].all())

    def guide(self, goal_rad: Array, speed_rad_s: float = SPEED_RAD_S) -> None:
        """Take the joints (6,) that have a number by hand, and lead them there; let go of those that are NaN."""
        taken_anew = ~np.isnan(goal_rad) & ~self.holds
        self._at_rad[taken_anew | np.isnan(goal_rad)] = np.nan
        self._patience_nm[taken_anew] = 0.0
        self._goal_rad, self._speed_rad_s = goal_rad.copy(), speed_rad_s

    def let_go(self) -> None:
        """Hold nothing."""
        self.guide(np.full(N_JOINTS, np.nan))

    def push(self, data: mujoco.MjData, dt_s: float) -> None:
        """Put the hand's torques of the next `dt_s` into the physics."""
        held = self.holds
        position_rad, velocity_rad_s = data.qpos[:N_JOINTS], data.qvel[:N_JOINTS]
        self._at_rad = np.where(np.isnan(self._at_rad), position_rad, self._at_rad)
        way_rad = self._speed_rad_s * dt_s
        ahead_rad = self._goal_rad - self._at_rad
        self._at_rad += np.where(held, np.clip(ahead_rad, -way_rad, way_rad), 0.0)
        self._at_rad = np.where(np.abs(ahead_rad) <= way_rad, self._goal_rad, self._at_rad)
        error_rad = np.where(held, self._at_rad - position_rad, 0.0)
        self._patience_nm = np.clip(
            self._patience_nm + PATIENCE_NM_RAD_S * dt_s * error_rad, -PATIENCE_MAX_NM, PATIENCE_MAX_NM
        )
        torque_nm = GRIP_NM_RAD * error_rad + self._patience_nm - GRIP_NM_S_RAD * velocity_rad_s
        torque_nm = np.clip(torque_nm, -FORCE_MAX_NM, FORCE_MAX_NM) + data.qfrc_bias[:N_JOINTS]
        data.qfrc_applied[:N_JOINTS] = np.where(held, torque_nm, 0.0)
