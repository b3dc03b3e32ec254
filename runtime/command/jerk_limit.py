"""One joint within its limits of position, velocity, acceleration and jerk: the next instant on the way to a moving target.

Ruckig (time-optimal, jerk-limited) plans, and only the first period of a plan is ever taken:

    1. to the target itself, if one period is enough: what is possible is followed exactly, without lag;
    2. to where the target will be in some periods, in just that time: far-sighted, so nothing chatters near the target;
    3. if none of these times is enough, to where a target that keeps its speed is met first.

Ruckig's open version knows no limits of position. So an instant is only taken together with its own way to rest, which must
lie inside the limits; otherwise the joint goes on along the way to rest that was found with the instant before. That way
exists already, so no failure of a calculation can take it away: once inside, always able to stay inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ruckig import ControlInterface, InputParameter, Result, Ruckig, RuckigError, Trajectory

_ROUNDING = 1e-9  # relative, of Ruckig's times
_TOUCH_RAD = 1e-11  # so much beyond a limit is rounding
_CATCHING_UP = 0.99  # of the greatest velocity may be the target's, or nothing would be left to catch up with


class JointMotion(NamedTuple):
    """Where a joint is, how fast it moves and how that changes."""

    position_rad: float
    velocity_rad_s: float
    acceleration_rad_s2: float


class Ahead(NamedTuple):
    """Where the target will be, counted in periods from the instant commanded before."""

    n_periods: int
    motion: JointMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class JointLimits:
    """What one joint may do, from the robot file."""

    position_min_rad: float
    position_max_rad: float
    velocity_max_rad_s: float
    acceleration_max_rad_s2: float
    jerk_max_rad_s3: float

    @property
    def rest_time_max_s(self) -> float:
        """Return the longest way to rest: from full speed while still accelerating fully."""
        to_coast_s = self.acceleration_max_rad_s2 / self.jerk_max_rad_s3
        if self.velocity_max_rad_s * self.jerk_max_rad_s3 < self.acceleration_max_rad_s2**2:
            return to_coast_s + 2 * (self.velocity_max_rad_s / self.jerk_max_rad_s3) ** 0.5
        return 2 * to_coast_s + self.velocity_max_rad_s / self.acceleration_max_rad_s2


class JerkLimitedJoint:
    """The instant one joint was commanded last, and its way to rest from there."""

    def __init__(self, limits: JointLimits, period_s: float) -> None:
        self._limits = limits
        self._period_s = period_s
        self._ruckig = Ruckig(1, period_s)
        self._plan = Trajectory(1)
        self._to_target = _problem(limits)
        self._to_rest = _problem(limits)
        self._to_rest.control_interface = ControlInterface.Velocity
        self._to_rest.target_velocity = self._to_rest.target_acceleration = (0.0,)
        self.motion = JointMotion(0.0, 0.0, 0.0)
        self._rest: Trajectory | None = None  # without one the joint stands
        self._rest_for_s = 0.0

    def start(self, motion: JointMotion) -> None:
        """Be at an instant, as measured at rest or as commanded before."""
        self.motion = motion
        self._rest = self._way_to_rest(motion) if motion.velocity_rad_s or motion.acceleration_rad_s2 else None
        self._rest_for_s = 0.0

    def follow(self, targets: Sequence[Ahead]) -> bool:
        """Go on by one period towards a target known at some instants, the nearest first; return False if braking instead."""
        now = targets[0].motion
        if now == self.motion and not now.velocity_rad_s and not now.acceleration_rad_s2:
            return True
        for k, ahead in enumerate(targets):
            meets_s, motion = self._towards(ahead)
            in_time = meets_s <= ahead.n_periods * self._period_s * (1 + _ROUNDING)
            if in_time and ahead.n_periods == 1:
                motion = ahead.motion  # without the plan's rounding
            if (in_time or k == len(targets) - 1) and self._take(motion):
                return True
        # What moves out of the limits, or along them too fast, is awaited inside.
        standing = Ahead(1, JointMotion(targets[-1].motion.position_rad, 0.0, 0.0))
        if self._take(self._towards(standing)[1]):
            return True
        self.brake()
        return False

    def brake(self) -> None:
        """Go on by one period along the way to rest, and stay there."""
        if self._rest is None:
            return
        self._rest_for_s += self._period_s
        (position_rad,), (velocity_rad_s,), (acceleration_rad_s2,) = self._rest.at_time(self._rest_for_s)
        if self._rest_for_s >= self._rest.duration:
            self.start(JointMotion(position_rad, 0.0, 0.0))
            return
        self.motion = JointMotion(position_rad, velocity_rad_s, acceleration_rad_s2)
        # Found again it is the same way, and the joint goes on from its motion alone: a replay that resumes does the same.
        rest = self._way_to_rest(self.motion)
        if rest is not None:
            self._rest, self._rest_for_s = rest, 0.0

    def _towards(self, ahead: Ahead) -> tuple[float, JointMotion | None]:
        """Return in what time a target is met, and the motion one period on the way; infinite and None if it cannot be said.

        The plan is made as seen from the target: where it takes longer than hoped, the target keeps its speed.
        """
        limits, problem = self._limits, self._to_target
        target, speed = ahead.motion, ahead.motion.velocity_rad_s
        due_s = ahead.n_periods * self._period_s
        problem.current_position = (self.motion.position_rad - target.position_rad + speed * due_s,)
        problem.current_velocity = (self.motion.velocity_rad_s - speed,)
        problem.current_acceleration = (self.motion.acceleration_rad_s2,)
        problem.target_acceleration = (target.acceleration_rad_s2,)
        problem.max_velocity = (limits.velocity_max_rad_s - speed,)
        problem.min_velocity = (-limits.velocity_max_rad_s - speed,)
        problem.minimum_duration = due_s
        if not self._solved(problem, self._plan):
            return float("inf"), None
        (position_rad,), (velocity_rad_s,), (acceleration_rad_s2,) = self._plan.at_time(self._period_s)
        position_rad += target.position_rad - speed * (due_s - self._period_s)
        return self._plan.duration, JointMotion(position_rad, velocity_rad_s + speed, acceleration_rad_s2)

    def _take(self, motion: JointMotion | None) -> bool:
        """Be at an instant one period later, if it can be come to rest from inside the limits."""
        if motion is None:
            return False
        rest = self._way_to_rest(motion)
        if rest is None or not self._stays_inside(motion, rest):
            return False
        self.motion, self._rest, self._rest_for_s = motion, rest, 0.0
        return True

    def _stays_inside(self, motion: JointMotion, rest: Trajectory) -> bool:
        """Return whether `motion` and its way to rest are inside; from outside they must lead straight inwards."""
        low_rad, high_rad = self._limits.position_min_rad, self._limits.position_max_rad
        before_rad, position_rad = self.motion.position_rad, motion.position_rad
        if not min(low_rad, before_rad) - _TOUCH_RAD <= position_rad <= max(high_rad, before_rad) + _TOUCH_RAD:
            return False
        end_rad = _position_rad(rest, rest.duration)
        turn_rad = _position_rad(rest, self._turn_s(motion))
        lowest_rad, highest_rad = min(position_rad, turn_rad, end_rad), max(position_rad, turn_rad, end_rad)
        if position_rad < low_rad:
            return lowest_rad >= position_rad - _TOUCH_RAD and highest_rad <= end_rad + _TOUCH_RAD
        if position_rad > high_rad:
            return highest_rad <= position_rad + _TOUCH_RAD and lowest_rad >= end_rad - _TOUCH_RAD
        return low_rad - _TOUCH_RAD <= lowest_rad and highest_rad <= high_rad + _TOUCH_RAD

    def _turn_s(self, motion: JointMotion) -> float:
        """Return when the way to rest turns round, 0 where it does not: if what brakes ends too late, it goes back a little.

        (Ruckig's own extrema are wrong for ways to rest: they contain 0, whatever the way.)
        """
        bend, jerk = abs(motion.acceleration_rad_s2), self._limits.jerk_max_rad_s3
        too_much = bend * bend - 2 * jerk * abs(motion.velocity_rad_s)
        if motion.velocity_rad_s * motion.acceleration_rad_s2 >= 0 or too_much <= 0:
            return 0.0
        return (bend - too_much**0.5) / jerk

    def _way_to_rest(self, motion: JointMotion) -> Trajectory | None:
        problem, rest = self._to_rest, Trajectory(1)
        problem.current_position = (motion.position_rad,)
        problem.current_velocity = (motion.velocity_rad_s,)
        problem.current_acceleration = (motion.acceleration_rad_s2,)
        return rest if self._solved(problem, rest) else None

    def _solved(self, problem: InputParameter, trajectory: Trajectory) -> bool:
        try:
            return self._ruckig.calculate(problem, trajectory) in {Result.Working, Result.Finished}
        except RuckigError:
            return False


def possible(motion: JointMotion, limits: JointLimits) -> JointMotion:
    """Return the nearest motion that a joint can have: a place outside its limits, for one, is asked for at rest."""
    position_rad = _clamp(motion.position_rad, limits.position_min_rad, limits.position_max_rad)
    if position_rad != motion.position_rad:
        return JointMotion(position_rad, 0.0, 0.0)
    velocity_max_rad_s = _CATCHING_UP * limits.velocity_max_rad_s
    velocity_rad_s = _clamp(motion.velocity_rad_s, -velocity_max_rad_s, velocity_max_rad_s)
    # It was slower before and will be slower after, so that the limit of velocity holds there, too.
    to_spare_rad_s = limits.velocity_max_rad_s - abs(velocity_rad_s)
    acceleration_max_rad_s2 = min(limits.acceleration_max_rad_s2, (2 * limits.jerk_max_rad_s3 * to_spare_rad_s) ** 0.5)
    acceleration_max_rad_s2 *= 1 - _ROUNDING
    return JointMotion(
        position_rad,
        velocity_rad_s,
        _clamp(motion.acceleration_rad_s2, -acceleration_max_rad_s2, acceleration_max_rad_s2),
    )


def _problem(limits: JointLimits) -> InputParameter:
    problem = InputParameter(1)
    problem.max_velocity = (limits.velocity_max_rad_s,)
    problem.max_acceleration = (limits.acceleration_max_rad_s2,)
    problem.max_jerk = (limits.jerk_max_rad_s3,)
    problem.target_position = problem.target_velocity = (0.0,)
    return problem


def _position_rad(trajectory: Trajectory, t_s: float) -> float:
    return trajectory.at_time(t_s)[0][0]


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
