"""The gate: whatever is asked, the limits hold; what is possible is done exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from interfaces.arm_config import ArmConfig
from interfaces.errors import RefusedError
from interfaces.messages import JointVector
from interfaces.robot_config import load_robot
from runtime.command.gate import Gate, GateStep
from runtime.command.motion import Motion

ARM: ArmConfig = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml").arm
PERIOD_S = ARM.period_ns * 1e-9
N = len(ARM.joints)
LOW, HIGH = ARM.vector("position_min_rad"), ARM.vector("position_max_rad")
VELOCITY_MAX, ACCELERATION_MAX = ARM.vector("velocity_max_rad_s"), ARM.vector("acceleration_max_rad_s2")
JERK_MAX = ARM.vector("jerk_max_rad_s3")
HOME = (LOW + HIGH) / 2
# From full speed under full acceleration: to coasting, and from there to rest.
REST_TIME_MAX_S = float((VELOCITY_MAX / ACCELERATION_MAX + 2 * ACCELERATION_MAX / JERK_MAX).max())

anything = st.floats(allow_nan=True, allow_infinity=True, width=64)
sensible = st.floats(-3.0, 3.0)
by_joint = st.lists(st.one_of(sensible, sensible, sensible, anything), min_size=N, max_size=N).map(np.array)
targets = st.one_of(st.none(), by_joint)
poses = st.lists(st.floats(-3.5, 3.5), min_size=N, max_size=N).map(np.array)


def commands(gate: Gate, wanted: Sequence[JointVector | None]) -> JointVector:
    """Return the commanded positions, (period, joint); None holds."""
    steps = [gate.hold() if target is None else gate.follow(target) for target in wanted]
    return np.array([step.position_rad for step in steps])


def tracked(gate: Gate, motion: Callable[[float], Motion], n_periods: int, t_s: float = 0.0) -> list[GateStep]:
    """Return the steps that follow a motion whose future is known."""
    instants_s = [t_s + k * PERIOD_S for k in range(n_periods)]
    return [
        gate.follow(motion(t).position_rad, [motion(t + ahead_ns * 1e-9) for ahead_ns in gate.look_ahead_ns])
        for t in instants_s
    ]


def swing(amplitude_rad: float, rate_rad_s: float) -> Callable[[float], Motion]:
    """Return a motion of all joints around home that begins at rest, with a jerk that is zero, too."""

    def at(t_s: float) -> Motion:
        a, w, x = amplitude_rad, rate_rad_s, rate_rad_s * t_s
        ones = np.ones(N)
        return Motion(
            position_rad=HOME + a * (1 - np.cos(x)) ** 2 * ones,
            velocity_rad_s=a * w * (2 * np.sin(x) - np.sin(2 * x)) * ones,
            acceleration_rad_s2=a * w * w * (2 * np.cos(x) - 2 * np.cos(2 * x)) * ones,
        )

    return at


def begun(start_rad: JointVector = HOME) -> Gate:
    gate = Gate(ARM)
    gate.begin(start_rad)
    return gate


def assert_within_limits(start_rad: JointVector, positions_rad: JointVector) -> None:
    path = np.vstack([start_rad, start_rad, start_rad, positions_rad])
    velocity = np.diff(path, axis=0) / PERIOD_S
    assert np.isfinite(path).all()
    assert (np.abs(velocity) <= VELOCITY_MAX + 1e-6).all()
    assert (np.abs(np.diff(path, 2, axis=0)) <= ACCELERATION_MAX * PERIOD_S**2 + 1e-8).all()
    assert (np.abs(np.diff(path, 3, axis=0)) <= JERK_MAX * PERIOD_S**3 + 1e-8).all()
    assert (path >= np.minimum(LOW, start_rad) - 1e-9).all()
    assert (path <= np.maximum(HIGH, start_rad) + 1e-9).all()


def outside_rad(path: JointVector) -> JointVector:
    """Return how far outside its limits each joint is."""
    return np.maximum(np.maximum(LOW - path, path - HIGH), 0.0)


class GateMachine(RuleBasedStateMachine):
    """Any order of targets, holds and resumptions."""

    @initialize(start_rad=poses)
    def begin(self, start_rad: JointVector) -> None:
        self.gate = begun(start_rad)
        self.path = [start_rad] * 4

    @rule(place=by_joint, periods=st.integers(1, 25))
    def stand_at(self, place: JointVector, periods: int) -> None:
        self.went([self.gate.follow(place) for _ in range(periods)])

    @rule(one=by_joint, other=by_joint, periods=st.integers(2, 12))
    def alternate(self, one: JointVector, other: JointVector, periods: int) -> None:
        self.went([self.gate.follow(other if k % 2 else one) for k in range(periods)])

    @rule(motions=st.lists(st.tuples(by_joint, by_joint, by_joint), min_size=3, max_size=3), periods=st.integers(1, 12))
    def contradict(self, motions: list[tuple[JointVector, JointVector, JointVector]], periods: int) -> None:
        ahead = [Motion(position_rad=p, velocity_rad_s=v, acceleration_rad_s2=a) for p, v, a in motions]
        self.went([self.gate.follow(ahead[0].position_rad, ahead) for _ in range(periods)])

    @rule(
        start=poses,
        speed=st.floats(-9.0, 9.0),
        bend=st.floats(-90.0, 90.0),
        late=st.lists(st.integers(0, 9), max_size=30),
    )
    def pass_by(self, start: JointVector, speed: float, bend: float, late: list[int]) -> None:
        """Follow a parabola, through the limits, by a clock that often comes some periods late."""

        def motion(t: float) -> Motion:
            ones = np.ones(N)
            return Motion(
                position_rad=start + speed * t + bend * t * t / 2,
                velocity_rad_s=(speed + bend * t) * ones,
                acceleration_rad_s2=bend * ones,
            )

        t_s = 0.0
        for periods in late:
            t_s += (1 + periods) * PERIOD_S
            self.went(tracked(self.gate, motion, 1, t_s))

    @rule()
    def stop(self) -> None:
        periods = round(REST_TIME_MAX_S / PERIOD_S) + 1
        self.went([self.gate.hold() for _ in range(periods)])
        assert self.gate.at_rest

    @rule()
    def resume(self) -> None:
        before, self.gate = self.gate, Gate(ARM)
        self.gate.resume(before.position_rad, before.velocity_rad_s, before.acceleration_rad_s2)

    def went(self, steps: list[GateStep]) -> None:
        self.path = [*self.path[-4:], *(step.position_rad for step in steps)]

    @invariant()
    def limits_hold(self) -> None:
        path = np.array(self.path)
        assert np.isfinite(path).all()
        assert (np.abs(np.diff(path, axis=0)) <= VELOCITY_MAX * PERIOD_S + 1e-8).all()
        assert (np.abs(np.diff(path, 2, axis=0)) <= ACCELERATION_MAX * PERIOD_S**2 + 1e-8).all()
        assert (np.abs(np.diff(path, 3, axis=0)) <= JERK_MAX * PERIOD_S**3 + 1e-8).all()
        outside = outside_rad(path)
        assert (np.diff(outside, axis=0) <= 1e-9).all()  # from inside never out, from outside only inwards


TestGateMachine = GateMachine.TestCase
TestGateMachine.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)


@settings(max_examples=100, deadline=None)
@given(wanted=st.lists(st.tuples(targets, st.integers(1, 30)), min_size=1, max_size=12))
def test_no_sequence_of_targets_breaks_a_limit(wanted: list[tuple[JointVector | None, int]]) -> None:
    gate = begun()
    assert_within_limits(HOME, commands(gate, [target for target, times in wanted for _ in range(times)]))


@settings(max_examples=50, deadline=None)
@given(start=poses, target=targets)
def test_from_outside_its_limits_the_arm_moves_only_inwards(start: JointVector, target: JointVector | None) -> None:
    path = np.vstack([start, commands(begun(start), [target] * 50)])
    assert_within_limits(start, path[1:])
    assert (np.diff(outside_rad(path), axis=0) <= 1e-9).all()


@pytest.mark.parametrize("start", [HIGH + 0.2, LOW - 0.2])
def test_from_outside_its_limits_the_arm_comes_back_when_asked(start: JointVector) -> None:
    gate = begun(start)
    commands(gate, [HOME] * 200)
    np.testing.assert_array_equal(gate.position_rad, HOME)


@settings(max_examples=100, deadline=None)
@given(share=st.lists(st.floats(0.0, 1.0), min_size=N, max_size=N).map(np.array), kick=st.integers(0, 40))
def test_a_fixed_target_is_reached_without_oscillation(share: JointVector, kick: int) -> None:
    gate = begun()
    commands(gate, [HIGH] * kick)  # so that it starts moving, too
    target = LOW + share * (HIGH - LOW)
    path = commands(gate, [target] * 250)
    np.testing.assert_array_equal(path[-1], target)
    assert gate.at_rest
    steps = np.diff(path, axis=0)
    turns = [_turns(steps[:, joint]) for joint in range(N)]
    assert max(turns) <= 1  # it may have to turn round once, when it was moving away or too fast to stop before


def _turns(steps_rad: JointVector) -> int:
    directions = np.sign(steps_rad[np.abs(steps_rad) > 1e-9])
    return int((directions[1:] != directions[:-1]).sum())


def test_the_target_is_reached_in_the_shortest_time() -> None:
    gate = begun(np.zeros(N))
    target = np.full(N, 1.2)
    path = commands(gate, [target] * 60)
    arrived = int(np.argmax(np.abs(path - target).max(axis=1) < 1e-9))
    # Each change of speed takes v / a + a / j, half of which is lost on the way: one to start with, one to stop.
    velocity, acceleration, jerk = VELOCITY_MAX[0], ACCELERATION_MAX[0], JERK_MAX[0]
    shortest_s = 1.2 / velocity + velocity / acceleration + acceleration / jerk
    assert arrived * PERIOD_S == pytest.approx(shortest_s, abs=2.5 * PERIOD_S)


@settings(max_examples=50, deadline=None)
@given(amplitude=st.floats(0.005, 0.04), rate=st.floats(1.0, 10.0))
def test_a_motion_within_the_limits_is_followed_exactly(amplitude: float, rate: float) -> None:
    motion = swing(amplitude, rate)  # at most 12 rad/s2 and 200 rad/s3
    gate = begun(motion(0.0).position_rad)
    steps = tracked(gate, motion, 200)
    wanted = np.array([motion(k * PERIOD_S).position_rad for k in range(200)])
    np.testing.assert_allclose(np.array([step.position_rad for step in steps]), wanted, atol=1e-9)
    assert not any(step.limited for step in steps)


@settings(max_examples=50, deadline=None)
@given(gap=st.floats(-0.3, 0.3), amplitude=st.floats(0.01, 0.04), rate=st.floats(1.0, 10.0))
def test_a_motion_within_the_limits_is_caught_and_then_followed_exactly(
    gap: float, amplitude: float, rate: float
) -> None:
    motion = swing(amplitude, rate)
    gate = begun(HOME + gap)
    steps = tracked(gate, motion, 100)
    assert_within_limits(HOME + gap, np.array([step.position_rad for step in steps]))
    assert not any(step.limited for step in steps[60:])


def test_a_fast_straight_target_is_followed_exactly_once_caught() -> None:
    start = np.full(N, -0.1)

    def motion(t_s: float) -> Motion:
        return Motion(position_rad=start + 3.0 * t_s, velocity_rad_s=np.full(N, 3.0), acceleration_rad_s2=np.zeros(N))

    steps = tracked(begun(start), motion, 40)
    assert not any(step.slowed.any() for step in steps[30:])
    assert_within_limits(start, np.array([step.position_rad for step in steps]))


def test_the_first_command_is_the_measured_pose_whatever_is_asked() -> None:
    measured = HOME + 0.123
    assert (begun(measured).follow(HIGH).position_rad == measured).all()


def test_holding_comes_to_rest_within_the_stated_time() -> None:
    gate = begun(np.zeros(N))
    moving = commands(gate, [np.full(N, 1.6)] * 6)  # under full acceleration
    assert gate.rest_time_max_s == pytest.approx(REST_TIME_MAX_S)
    path = commands(gate, [None] * (round(gate.rest_time_max_s / PERIOD_S) + 2))
    assert_within_limits(np.zeros(N), np.vstack([moving, path]))
    assert (path[-1] == path[-2]).all()
    assert gate.at_rest


def test_a_resumed_gate_goes_on_as_the_one_before_would_have() -> None:
    gate, resumed = begun(), Gate(ARM)
    commands(gate, [HIGH] * 9)
    resumed.resume(gate.position_rad, gate.velocity_rad_s, gate.acceleration_rad_s2)
    np.testing.assert_array_equal(resumed.position_rad, gate.position_rad)
    wanted: list[JointVector | None] = [HIGH, LOW, None, None, HOME, HOME, HOME, HOME, None]
    np.testing.assert_array_equal(commands(resumed, wanted), commands(gate, wanted))  # replay compares bit by bit
    resumed.resume(gate.position_rad, gate.velocity_rad_s, gate.acceleration_rad_s2)
    np.testing.assert_array_equal(commands(resumed, [None] * 9), commands(gate, [None] * 9))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_refuses_the_whole_target(poison: float) -> None:
    gate = begun()
    commands(gate, [HOME + 0.05] * 3)
    target = HOME + 0.05
    target[2] = poison
    step = gate.follow(target)
    assert step.refused
    assert np.isfinite(step.position_rad).all()


def test_the_step_says_what_was_limited() -> None:
    gate = begun()
    gate.hold()
    target: JointVector = HOME.copy()
    target[1] = 99.0
    step = gate.follow(target)
    assert step.clipped.tolist() == step.slowed.tolist() == [False, True, False, False, False, False]
    assert step.limited


def test_an_impossible_pose_is_refused() -> None:
    with pytest.raises(RefusedError, match="measured pose"):
        Gate(ARM).begin(np.full(N, np.nan))
    with pytest.raises(RefusedError, match="6 finite angles"):
        Gate(ARM).begin(np.zeros(5))
