"""Going to rest: chunks along one smooth path from where the arm is to the rest pose of the robot file. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from interfaces.arm_config import ArmConfig
from interfaces.bundle_manifest import ChunkSpec
from interfaces.messages import ActionChunk, JointRows, JointState, JointVector

REST = "rest"  # the instruction that every policy process knows

_SPEED_RATIO = 0.25  # of the limits of the robot file: nobody is in a hurry to rest
_REPLAN_RAD = 0.2  # an arm so far off its path (it was held, or pushed) starts a new one from where it is
# Minimum jerk, 10 s^3 - 15 s^4 + 6 s^5: its greatest velocity is 15/8, its greatest acceleration 10/sqrt(3), per unit of way and time.
_PEAK_VELOCITY = 15 / 8
_PEAK_ACCELERATION = 10 / np.sqrt(3)


class RestStage:
    """Makes chunks in the layout of the policy's own, so that the command process need not know that it rests."""

    def __init__(self, arm: ArmConfig, chunk: ChunkSpec, *, sequence: Iterator[int] | None = None) -> None:
        """`sequence` numbers the chunks; makers of chunks that take turns share one."""
        self._rest_rad = arm.vector("rest_rad")
        self._velocity_rad_s = _SPEED_RATIO * arm.vector("velocity_max_rad_s")
        self._acceleration_rad_s2 = _SPEED_RATIO * arm.vector("acceleration_max_rad_s2")
        self._step_ns = round(chunk.step_ms * 1e6)
        self._rows_ns = round(chunk.first_ms * 1e6) + self._step_ns * np.arange(chunk.horizon)  # after the joint state
        self._sequence = sequence or itertools.count(1)
        self.reset()

    def reset(self) -> None:
        """Forget the path: the next chunk starts a new one."""
        self._from_rad: JointVector | None = None
        self._t_start_ns = 0
        self._duration_s = 1.0

    def lead(self, joints: JointState, from_rad: JointVector) -> ActionChunk:
        """Return the chunk from the instant of `joints` on.

        `from_rad` is the pose last commanded, or the measured one where nothing is commanded yet, (joint,).
        """
        t_state_ns = joints.t_measured_ns
        if self._from_rad is None or np.max(np.abs(self._path_rad(np.array([t_state_ns]))[0] - from_rad)) > _REPLAN_RAD:
            self._plan(from_rad, t_state_ns)
        return ActionChunk(
            sequence=next(self._sequence),
            t_capture_ns=0,
            t_state_ns=t_state_ns,
            t_first_ns=t_state_ns + int(self._rows_ns[0]),
            step_ns=self._step_ns,
            foresight_age_ns=-1,
            position_rad=self._path_rad(t_state_ns + self._rows_ns),
        )

    def _plan(self, from_rad: JointVector, t_start_ns: int) -> None:
        way_rad = np.abs(self._rest_rad - from_rad)
        by_velocity_s = np.max(_PEAK_VELOCITY * way_rad / self._velocity_rad_s)
        by_acceleration_s = np.max(np.sqrt(_PEAK_ACCELERATION * way_rad / self._acceleration_rad_s2))
        self._from_rad = from_rad.copy()
        self._t_start_ns = t_start_ns
        self._duration_s = max(float(by_velocity_s), float(by_acceleration_s), 1e-3)

    def _path_rad(self, t_ns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> JointRows:
        assert self._from_rad is not None
        s = np.clip((t_ns - self._t_start_ns) * 1e-9 / self._duration_s, 0.0, 1.0)[:, None]  # (row, 1)
        return self._from_rad + (self._rest_rad - self._from_rad) * (10 * s**3 - 15 * s**4 + 6 * s**5)
