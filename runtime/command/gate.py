"""The gate: the last step before the motors; no target, whatever it is, makes the arm leave its limits or jump.

Each period every joint goes on by one instant of a motion that keeps

    - its position limits, in this instant and on the way to rest from it,
    - velocity_max, acceleration_max and jerk_max: also at seams, from hold and in braking.

A target that keeps the limits, and of which the gate knows speed and acceleration, is followed exactly; others are
approached in the shortest time (runtime/command/jerk_limit.py). Joints do not wait for each other: a chunk's rows already say when
each of them is where. A period that came late is not made up for: the arm is slower then, never faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from interfaces.arm_config import ArmConfig
from interfaces.errors import RefusedError
from interfaces.messages import JointVector
from runtime.command.jerk_limit import Ahead, JerkLimitedJoint, JointLimits, JointMotion, possible
from runtime.command.motion import Motion

JointFlags = NDArray[np.bool_]  # (joint,)

_LANDED_RAD = 1e-9  # closer to the target than this is on it
# Farther ahead, a motion that turns is met too late; nearer, one that cannot be followed is run past (bench/gate.py).
_FORESIGHT_S = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class GateStep:
    """The command of one period, and what the gate had to do to the target."""

    position_rad: JointVector
    clipped: JointFlags  # the target lay outside the joint's position limits
    slowed: JointFlags  # a limit kept the joint from its target
    braked: JointFlags  # no way to the target was found from which the joint could still stop: it brakes
    refused: bool  # the target was not finite: the arm brakes instead

    @property
    def limited(self) -> bool:
        """Return whether the command is anything but the target."""
        return self.refused or bool(self.clipped.any()) or bool(self.slowed.any())


class Gate:
    """Keeps the last commanded motion, and goes from there to the next within the limits of the robot file."""

    def __init__(self, arm: ArmConfig) -> None:
        period_s = arm.period_ns * 1e-9
        self._low_rad = arm.vector("position_min_rad")
        self._high_rad = arm.vector("position_max_rad")
        self._limits = [
            JointLimits(
                position_min_rad=joint.position_min_rad,
                position_max_rad=joint.position_max_rad,
                velocity_max_rad_s=joint.velocity_max_rad_s,
                acceleration_max_rad_s2=joint.acceleration_max_rad_s2,
                jerk_max_rad_s3=joint.jerk_max_rad_s3,
            )
            for joint in arm.joints
        ]
        self._joints = [JerkLimitedJoint(limits, period_s) for limits in self._limits]
        self._n_periods = (1, 2, max(3, round(_FORESIGHT_S / period_s)))
        self._period_ns = arm.period_ns
        self._never: JointFlags = np.zeros(len(arm.joints), np.bool_)
        self._moved_to(np.full((len(arm.joints), 3), (np.nan, 0.0, 0.0)))
        self._first = True

    @property
    def look_ahead_ns(self) -> tuple[int, ...]:
        """Return for which instants after the one commanded the gate wants to know the target; the first is 0."""
        return tuple((n_periods - 1) * self._period_ns for n_periods in self._n_periods)

    @property
    def rest_time_max_s(self) -> float:
        """Return how long the arm moves on at most once it is held."""
        return max(limits.rest_time_max_s for limits in self._limits)

    @property
    def position_rad(self) -> JointVector:
        """Return the last commanded position; NaN before the gate begins."""
        return self._position_rad

    @property
    def velocity_rad_s(self) -> JointVector:
        """Return the velocity at the last commanded position."""
        return self._velocity_rad_s

    @property
    def acceleration_rad_s2(self) -> JointVector:
        """Return the acceleration at the last commanded position."""
        return self._acceleration_rad_s2

    @property
    def at_rest(self) -> bool:
        """Return whether the arm stands at the last commanded position."""
        return not self._velocity_rad_s.any() and not self._acceleration_rad_s2.any()

    def begin(self, measured_rad: JointVector) -> None:
        """Start from the measured pose, at rest: it is the first command, even where it lies outside the limits.

        From outside, a joint moves only back inside. Raises RefusedError when the pose is not finite.
        """
        if measured_rad.shape != self._low_rad.shape or not np.isfinite(measured_rad).all():
            raise RefusedError(
                f"the arm cannot start from the measured pose {measured_rad}: not {len(self._low_rad)} finite angles"
            )
        self._start(Motion.at_rest(measured_rad))
        self._first = True

    def resume(self, position_rad: JointVector, velocity_rad_s: JointVector, acceleration_rad_s2: JointVector) -> None:
        """Go on from a motion that was commanded before, bit by bit as the gate that commanded it would have."""
        self._start(
            Motion(position_rad=position_rad, velocity_rad_s=velocity_rad_s, acceleration_rad_s2=acceleration_rad_s2)
        )
        self._first = False

    def follow(self, target_rad: JointVector, ahead: Sequence[Motion] | None = None) -> GateStep:
        """Move towards the target by one period; a target that is not finite is refused, and the arm brakes.

        `ahead` is the target's motion at each instant of `look_ahead_ns`; without it the target is a place to stand at.
        """
        motions = [Motion.at_rest(target_rad)] if ahead is None else ahead
        instants = [_by_joint(motion) for motion in motions]
        if not np.isfinite(target_rad).all() or not all(map(_is_finite, instants)):
            return self._brake(refused=True)
        if self._first:
            return self.hold()
        braked = np.zeros(len(self._joints), np.bool_)
        for i, (joint, limits) in enumerate(zip(self._joints, self._limits, strict=True)):
            targets = [
                Ahead(n_periods, possible(instant[i], limits))
                for n_periods, instant in zip(self._n_periods, instants, strict=False)
            ]
            braked[i] = not joint.follow(targets)
        self._moved()
        inside_rad = np.minimum(
            np.maximum(target_rad, self._low_rad), self._high_rad
        )  # np.clip takes four times as long
        return GateStep(
            position_rad=self._position_rad,
            clipped=inside_rad != target_rad,
            slowed=np.abs(self._position_rad - inside_rad) > _LANDED_RAD,
            braked=braked,
            refused=False,
        )

    def hold(self) -> GateStep:
        """Decelerate to rest, and stay there."""
        return self._brake(refused=False)

    def _brake(self, *, refused: bool) -> GateStep:
        self._first = False
        for joint in self._joints:
            joint.brake()
        self._moved()
        never = self._never
        return GateStep(position_rad=self._position_rad, clipped=never, slowed=never, braked=never, refused=refused)

    def _start(self, motion: Motion) -> None:
        for joint, instant in zip(self._joints, _by_joint(motion), strict=True):
            joint.start(instant)
        self._moved()

    def _moved(self) -> None:
        self._moved_to(np.array([joint.motion for joint in self._joints]))

    def _moved_to(self, motions: NDArray[np.float64]) -> None:
        self._position_rad, self._velocity_rad_s, self._acceleration_rad_s2 = motions.T


def _by_joint(motion: Motion) -> list[JointMotion]:
    return [
        JointMotion(*instant)
        for instant in zip(
            motion.position_rad.tolist(),
            motion.velocity_rad_s.tolist(),
            motion.acceleration_rad_s2.tolist(),
            strict=True,
        )
    ]


def _is_finite(instants: list[JointMotion]) -> bool:
    return all(isfinite(value) for instant in instants for value in instant)
