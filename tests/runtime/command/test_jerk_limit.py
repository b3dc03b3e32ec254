"""One joint under a jerk limit: what is taken can be stopped, also when the calculation fails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruckig import InputParameter, Result, Ruckig, RuckigError, Trajectory

import runtime.command.jerk_limit
from runtime.command.jerk_limit import Ahead, JerkLimitedJoint, JointLimits, JointMotion, possible

PERIOD_S = 0.01
LIMITS = JointLimits(
    position_min_rad=-1.0,
    position_max_rad=1.0,
    velocity_max_rad_s=4.0,
    acceleration_max_rad_s2=60.0,
    jerk_max_rad_s3=2000.0,
)


class BrokenRuckig:
    """Fails as told, from when it is told on."""

    how: Result | type[RuckigError] | None = None

    def __init__(self, degrees_of_freedom: int, delta_time: float) -> None:
        self._ruckig = Ruckig(degrees_of_freedom, delta_time)

    def calculate(self, problem: InputParameter, trajectory: Trajectory, /) -> Result:
        if self.how is None:
            return self._ruckig.calculate(problem, trajectory)
        if isinstance(self.how, Result):
            return self.how
        raise self.how("on purpose")


@pytest.mark.parametrize("how", [RuckigError, Result.Error, Result.ErrorExecutionTimeCalculation])
def test_when_the_calculation_fails_the_joint_comes_to_rest_inside(
    how: Result | type[RuckigError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.command.jerk_limit, "Ruckig", BrokenRuckig)
    joint = JerkLimitedJoint(LIMITS, PERIOD_S)
    joint.start(JointMotion(0.0, 0.0, 0.0))
    end = [Ahead(1, JointMotion(1.0, 0.0, 0.0))]
    path = [0.0, 0.0, 0.0]
    for k in range(60):
        if k == 25:
            monkeypatch.setattr(BrokenRuckig, "how", how)
        assert joint.follow(end) == (k < 25)
        path.append(joint.motion.position_rad)
    assert joint.motion.velocity_rad_s == joint.motion.acceleration_rad_s2 == 0.0
    assert path[-1] == path[-2]
    assert 0.3 < path[-1] <= 1.0
    assert np.abs(np.diff(path, 3)).max() <= LIMITS.jerk_max_rad_s3 * PERIOD_S**3 * 1.001


@pytest.mark.parametrize(
    ("velocity_rad_s", "acceleration_rad_s2", "jerk_rad_s3"), [(4.0, 60.0, 2000.0), (0.5, 60.0, 2000.0)]
)
def test_no_way_to_rest_is_longer_than_stated(
    velocity_rad_s: float, acceleration_rad_s2: float, jerk_rad_s3: float
) -> None:
    limits = JointLimits(
        position_min_rad=-1e6,
        position_max_rad=1e6,
        velocity_max_rad_s=velocity_rad_s,
        acceleration_max_rad_s2=acceleration_rad_s2,
        jerk_max_rad_s3=jerk_rad_s3,
    )
    longest_s = 0.0
    for bend in np.linspace(0.0, acceleration_rad_s2, 41):
        speed = velocity_rad_s - bend * bend / (2 * jerk_rad_s3)
        if speed < -velocity_rad_s:
            continue
        joint = JerkLimitedJoint(limits, 1e-4)
        joint.start(JointMotion(0.0, speed, bend))
        n_periods = 0
        while joint.motion.velocity_rad_s or joint.motion.acceleration_rad_s2:
            joint.brake()
            n_periods += 1
        longest_s = max(longest_s, n_periods * 1e-4)
    assert longest_s <= limits.rest_time_max_s + 2e-4
    assert longest_s > 0.8 * limits.rest_time_max_s


def test_a_target_at_full_speed_towards_a_limit_is_left_in_time() -> None:
    joint = JerkLimitedJoint(LIMITS, PERIOD_S)
    joint.start(JointMotion(-0.9, 0.0, 0.0))
    path = list[float]()
    for k in range(100):
        at = [Ahead(n, JointMotion(-0.9 + 3.9 * (k + n) * PERIOD_S, 3.9, 0.0)) for n in (1, 2, 4)]
        joint.follow([Ahead(ahead.n_periods, possible(ahead.motion, LIMITS)) for ahead in at])
        path.append(joint.motion.position_rad)
    assert max(path) <= 1.0 + 1e-9
    assert path[-1] == pytest.approx(1.0, abs=1e-6)


# Not at the very limit of 60: there the plan rounds by 1e-14, and what is taken is the motion but for that.
@settings(max_examples=300, deadline=None)
@given(
    position=st.floats(-1.0, 1.0), velocity=st.floats(-3.0, 3.0), bend=st.floats(-59.9, 59.9)
)  # at the very limit, rounding may refuse it: it is then slower
@example(position=0.998, velocity=0.5, bend=-50.0)  # it goes a little beyond the limit before it turns round
@example(position=-0.998, velocity=-0.5, bend=50.0)
def test_a_motion_is_taken_if_and_only_if_its_way_to_rest_is_inside(
    position: float, velocity: float, bend: float
) -> None:
    motion = JointMotion(position, velocity, bend)
    braking = JerkLimitedJoint(LIMITS, 1e-3)
    braking.start(motion)
    path = [position]
    for _ in range(200):
        braking.brake()
        path.append(braking.motion.position_rad)
    excess_rad = max(max(path) - 1.0, -1.0 - min(path))
    # One period before on the same motion, with the jerk that keeps its acceleration.
    joint = JerkLimitedJoint(LIMITS, PERIOD_S)
    before = position - velocity * PERIOD_S + bend * PERIOD_S**2 / 2
    joint.start(JointMotion(before, velocity - bend * PERIOD_S, bend))
    taken = joint.follow([Ahead(1, motion)]) and joint.motion == motion
    if abs(excess_rad) > 1e-4 and abs(velocity) + bend * bend / 4000 < 3.9 and abs(before) <= 1.0:
        assert taken == (excess_rad < 0)


def test_what_is_outside_is_asked_for_at_rest_and_what_is_too_fast_slower() -> None:
    assert possible(JointMotion(1.5, 3.0, 10.0), LIMITS) == JointMotion(1.0, 0.0, 0.0)
    assert possible(JointMotion(0.5, 3.0, 10.0), LIMITS) == JointMotion(0.5, 3.0, 10.0)
    slower = possible(JointMotion(0.5, -9.0, 90.0), LIMITS)
    assert -4.0 < slower.velocity_rad_s < -3.9
    assert slower.acceleration_rad_s2**2 / (2 * LIMITS.jerk_max_rad_s3) <= 4.0 + slower.velocity_rad_s
