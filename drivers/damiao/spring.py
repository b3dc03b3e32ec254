"""From targets to what motors in MIT mode are told: a spring and a damper around the target, within a limit of torque. Pure.

Velocity: the way between two targets over the time between them, so that the damper does not hold back what is wanted.

Limit: MIT mode has none of its own that could be set in working memory, so first the velocity, then the target is brought
nearer to the measured one until stiffness * way + damping * velocity difference + torque is within effort_max_ratio of the
motor's largest. Measured was a cycle ago, so a joint that is moved from outside at 1 rad/s exceeds it by what its spring
gains in one period: 0.3 Nm at 80 Nm/rad and 250 Hz.

Sag: a spring gives way under a load, by torque / stiffness. A joint with an `integral_time_s` learns the torque that brings it
back: error * stiffness / integral_time_s is added every second, up to the limit; errors of less than one step of the
encoding count as none. A joint that is blocked comes to push up to its limit that way: leave it out where fingers close on
something. This is the integral part of a PI controller, and stable while integral_time_s is more than the
joint's moment of inertia / damping.
"""

from __future__ import annotations

import numpy as np

from drivers.damiao.protocol import POSITION_STEPS, RANGES
from interfaces.arm_config import DamiaoConfig
from interfaces.messages import JointVector


class Springs:
    """The targets of all joints, (joint,), in their own directions."""

    def __init__(self, config: DamiaoConfig) -> None:
        spans = [RANGES[joint.model] for joint in config.joints]
        self.stiffness_nm_rad = config.vector("stiffness_nm_rad")
        self.damping_nm_s_rad = config.vector("damping_nm_s_rad")
        self._limit_nm = config.vector("effort_max_ratio") * np.array([span.torque_max_nm for span in spans])
        self._velocity_max_rad_s = config.vector("velocity_max_rad_s")
        self._period_s = config.period_ns * 1e-9
        integral_times_s = np.array([joint.integral_time_s or np.inf for joint in config.joints])
        self._learns = np.isfinite(integral_times_s)
        self._gain_nm_rad = self.stiffness_nm_rad * self._period_s / integral_times_s  # learnt in one cycle
        self._step_rad = np.array([2 * span.position_max_rad / POSITION_STEPS for span in spans])
        self._target_rad = self._target_before_rad = np.zeros(len(spans))
        self._torque_nm = np.zeros(len(spans))

    def start(self, position_rad: JointVector, torque_nm: JointVector) -> None:
        """Begin at a pose that is held with a torque; a joint that learns keeps it, so that it does not sag anew."""
        self._target_rad = self._target_before_rad = position_rad
        self._torque_nm = np.where(self._learns, np.clip(torque_nm, -self._limit_nm, self._limit_nm), 0.0)

    def toward(
        self, target_rad: JointVector, position_rad: JointVector, velocity_rad_s: JointVector, n_periods: int
    ) -> tuple[JointVector, JointVector, JointVector]:
        """Return position, velocity and torque to send, from the measured pose and the periods since the target before."""
        wanted_rad_s = np.clip(
            (target_rad - self._target_rad) / (n_periods * self._period_s),
            -self._velocity_max_rad_s,
            self._velocity_max_rad_s,
        )
        self._target_before_rad, self._target_rad = self._target_rad, target_rad.copy()
        # First what damper and learnt torque push, then the spring with what they leave.
        rest_nm = self.damping_nm_s_rad * (wanted_rad_s - velocity_rad_s) + self._torque_nm
        rest_nm = np.clip(rest_nm, -self._limit_nm, self._limit_nm)
        spring_nm = self.stiffness_nm_rad * (target_rad - position_rad)
        spring_nm = np.clip(spring_nm, -self._limit_nm - rest_nm, self._limit_nm - rest_nm)
        return (
            position_rad + spring_nm / self.stiffness_nm_rad,
            velocity_rad_s + (rest_nm - self._torque_nm) / self.damping_nm_s_rad,
            self._torque_nm,
        )

    def learn(self, position_rad: JointVector) -> None:
        """Take in where the joints stand as a new target reaches them: how far from the one before."""
        error_rad = self._target_before_rad - position_rad
        error_rad = np.where(np.abs(error_rad) < self._step_rad, 0.0, error_rad)
        self._torque_nm = np.clip(self._torque_nm + self._gain_nm_rad * error_rad, -self._limit_nm, self._limit_nm)
