"""The motors of the simulated YAM: every spring and damper is part of the physics, which runs up to whenever it is asked.

kp (p - angle) + kd (v - velocity) + t is ctrl = kp p + kd v + t, with a bias of -kp angle - kd velocity: MuJoCo evaluates it in
every step, as a motor does in its own loop, and damps it implicitly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drivers.damiao.protocol import MitCommand
from sim.mujoco_headless import mujoco
from sim.yam.links import HOME_RAD
from sim.yam.model import GEAR_RAD_M, PHYSICS_STEP_S, build_yam

STEP_NS = round(PHYSICS_STEP_S * 1e9)
_CATCH_UP_NS = 100_000_000  # physics further behind than this lets the time go


class YamMotors:
    """The MitMotors of sim/motors/springs.py on one simulated arm; not for more than one thread."""

    def __init__(self, motors_rad: Sequence[float] = HOME_RAD) -> None:
        """Put the arm into a pose, (motor,), at rest; no motor drives."""
        self.model = build_yam()
        self.data = mujoco.MjData(self.model)
        self._t_ns: int | None = None
        self.n_motors = int(self.model.nu)
        self.place(motors_rad)

    @property
    def positions_rad(self) -> NDArray[np.float64]:
        """Return the angles of the motors, (motor,)."""
        return self.data.actuator_length.copy()

    def place(self, motors_rad: Sequence[float]) -> None:
        """Move the arm by hand; it is at rest then."""
        left_m = motors_rad[-1] / GEAR_RAD_M
        self.data.qpos[:] = [*motors_rad[:-1], left_m, -left_m]
        self.data.qvel[:] = 0
        mujoco.mj_forward(self.model, self.data)

    def advance(self, t_now_ns: int) -> None:
        """Step the physics up to now."""
        behind_ns = 0 if self._t_ns is None else t_now_ns - self._t_ns
        if self._t_ns is None or behind_ns > _CATCH_UP_NS:
            self._t_ns = t_now_ns
        elif behind_ns >= STEP_NS:
            n_steps = behind_ns // STEP_NS
            mujoco.mj_step(self.model, self.data, n_steps)
            self._t_ns += n_steps * STEP_NS

    def position_rad(self, index: int) -> float:
        """Return the angle of a motor."""
        return float(self.data.actuator_length[index])

    def velocity_rad_s(self, index: int) -> float:
        """Return the velocity of a motor."""
        return float(self.data.actuator_velocity[index])

    def torque_nm(self, index: int) -> float:
        """Return the torque of a motor in the last step."""
        return float(self.data.actuator_force[index])

    def drive(self, index: int, command: MitCommand | None) -> None:
        """Let a motor follow a command from the next step on."""
        told = command or MitCommand(0.0, 0.0, 0.0, 0.0, 0.0)
        kp, kd = told.stiffness_nm_rad, told.damping_nm_s_rad
        self.data.ctrl[index] = kp * told.position_rad + kd * told.velocity_rad_s + told.torque_nm
        self.model.actuator_biasprm[index, :3] = 0, -kp, -kd
