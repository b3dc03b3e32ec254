"""One suite for every arm driver, on its emulated motors: what the runtime relies on, whatever the bus.

A driver passes it by a rig in bench/arm_rigs/. All of it runs on a virtual clock.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.arm_rigs import RIGS
from bench.arm_rigs.rig import ArmRig, RigMaker
from drivers.bus_budget import BUDGET_RATIO
from drivers.open_devices import bus_budget
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, ForerunError, RefusedError
from interfaces.messages import JointState, JointVector

MS = 1_000_000
SETTLED_CYCLES = 40  # within which a driver has found its way back, and looked once at every motor's torque
CYCLE_SLACK_NS = 3 * MS  # beyond its share of the period: the last answer may have begun within it


@pytest.fixture(params=list(RIGS))
def rig(request: pytest.FixtureRequest) -> ArmRig:
    return RIGS[request.param]()


@pytest.fixture
def held(rig: ArmRig) -> ArmRig:
    hold(rig)
    return rig


def hold(rig: ArmRig) -> None:
    rig.arm.open()
    rig.arm.hold()


def pose_rad(rig: ArmRig, share: float) -> JointVector:
    """Return a pose inside the limits, `share` of the way from one end to the other, a little different for each joint."""
    low, high = rig.config.vector("position_min_rad"), rig.config.vector("position_max_rad")
    return low + (high - low) * np.clip(share + 0.01 * np.arange(len(low)), 0.05, 0.95)


def exchange(rig: ArmRig, target_rad: JointVector) -> JointState:
    rig.wait(rig.config.period_ns)
    return rig.arm.exchange(target_rad)


def attempt(rig: ArmRig, target_rad: JointVector) -> JointState | BusTimeoutError:
    """Return the state of one exchange, or, where motors stayed silent, that."""
    try:
        return exchange(rig, target_rad)
    except BusTimeoutError as error:
        return error


def assert_true(rig: ArmRig, state: JointState) -> None:
    """Check a measured pose against where the joints are, which is where they were sent."""
    assert state.position_rad == pytest.approx(rig.angles_rad(), abs=2 * rig.resolution_rad)


def recover(rig: ArmRig) -> None:
    """Exchange until it works again."""
    for _ in range(SETTLED_CYCLES):
        attempt(rig, pose_rad(rig, 0.5))
    assert exchange(rig, pose_rad(rig, 0.5)).position_rad == pytest.approx(rig.angles_rad(), abs=2 * rig.resolution_rad)


def test_opening_moves_nothing_and_leaves_torque_as_it_was(rig: ArmRig) -> None:
    for index, angle in enumerate(pose_rad(rig, 0.4)):
        rig.place(index, float(angle))
    placed = rig.angles_rad()
    state = rig.arm.open()
    assert state.position_rad == pytest.approx(placed, abs=rig.resolution_rad)
    assert rig.angles_rad() == pytest.approx(placed)
    assert not any(rig.torque())


def test_opening_an_arm_that_holds_lets_it_hold(held: ArmRig) -> None:
    exchange(held, pose_rad(held, 0.3))
    held.arm.close()
    held.arm.open()
    assert all(held.torque())
    assert held.angles_rad() == pytest.approx(pose_rad(held, 0.3), abs=held.resolution_rad)
    assert_true(held, held.arm.hold())
    assert held.angles_rad() == pytest.approx(pose_rad(held, 0.3), abs=2 * held.resolution_rad)


def test_holding_starts_from_the_measured_pose(rig: ArmRig) -> None:
    rig.arm.open()
    for index, angle in enumerate(pose_rad(rig, 0.6)):  # moved by hand after opening
        rig.place(index, float(angle))
    placed = rig.angles_rad()
    state = rig.arm.hold()
    assert all(rig.torque())
    assert state.position_rad == pytest.approx(placed, abs=rig.resolution_rad)
    assert rig.angles_rad() == pytest.approx(placed, abs=rig.resolution_rad)


def test_targets_arrive_and_are_measured(held: ArmRig) -> None:
    for share in (0.2, 0.5, 0.8):
        state = [exchange(held, pose_rad(held, share)) for _ in range(3)][-1]
        assert held.angles_rad() == pytest.approx(pose_rad(held, share), abs=held.resolution_rad)
        assert_true(held, state)
        assert abs(state.t_measured_ns - held.now_ns()) < held.config.period_ns


def test_a_state_is_whole(held: ArmRig) -> None:
    state = exchange(held, pose_rad(held, 0.5))
    n_joints = len(held.config.joints)
    for vector in (state.position_rad, state.velocity_rad_s, state.effort_ratio):
        assert vector.shape == (n_joints,)
        assert np.isfinite(vector).all()
    told = {"voltage_v": held.voltage_told, "temperature_degc": held.temperature_told}
    for key, is_told in told.items():
        vector = getattr(state, key)
        assert vector.shape == (n_joints,)
        assert np.isfinite(vector).all() if is_told else np.isnan(vector).all()


def test_heat_is_told(held: ArmRig) -> None:
    if not held.temperature_told:
        return
    held.heat(1, 47.0)
    state = [exchange(held, pose_rad(held, 0.5)) for _ in range(SETTLED_CYCLES)][-1]
    assert state.temperature_degc[1] == pytest.approx(47, abs=1)
    assert state.temperature_degc[0] < 40


def test_each_joint_moves_alone_and_its_own_way(held: ArmRig) -> None:
    middle = pose_rad(held, 0.5)
    for index in range(len(middle)):
        target = middle.copy()
        target[index] += 0.1
        exchange(held, target)
        exchange(held, target)
        assert held.angles_rad() == pytest.approx(target, abs=held.resolution_rad)


@pytest.mark.parametrize("wrong", ["nan", "inf", "short", "long"])
def test_targets_that_are_none_are_refused_and_not_sent(held: ArmRig, wrong: str) -> None:
    good = exchange(held, pose_rad(held, 0.5)).position_rad
    bad = pose_rad(held, 0.3)
    if wrong in {"nan", "inf"}:
        bad[1] = float(wrong)
    targets = {"short": bad[:-1], "long": np.append(bad, 0.0)}.get(wrong, bad)
    with pytest.raises(RefusedError):
        exchange(held, targets)
    assert held.angles_rad() == pytest.approx(good, abs=2 * held.resolution_rad)


def test_targets_before_holding_are_refused(rig: ArmRig) -> None:
    rig.arm.open()
    before = rig.angles_rad()
    with pytest.raises(RefusedError):
        exchange(rig, pose_rad(rig, 0.7))
    assert rig.angles_rad() == pytest.approx(before)


def test_a_released_arm_is_limp_and_refuses_targets(held: ArmRig) -> None:
    held.arm.release()
    assert not any(held.torque())
    with pytest.raises(RefusedError):
        exchange(held, pose_rad(held, 0.7))
    assert held.arm.hold().position_rad == pytest.approx(held.angles_rad(), abs=held.resolution_rad)
    assert all(held.torque())


def test_closing_keeps_torque_and_ends_the_use(held: ArmRig) -> None:
    held.arm.close()
    held.arm.close()
    assert all(held.torque())
    for call in (held.arm.read, held.arm.hold, held.arm.release):
        with pytest.raises(DeviceLostError):
            call()


def test_reading_tells_nothing_to_the_motors(held: ArmRig) -> None:
    exchange(held, pose_rad(held, 0.4))
    held.wait(held.config.period_ns)
    assert_true(held, held.arm.read())
    assert held.angles_rad() == pytest.approx(pose_rad(held, 0.4), abs=held.resolution_rad)


@pytest.mark.parametrize("n_answers", [1, 2, 5])
def test_lost_answers_are_asked_for_again_or_said(held: ArmRig, n_answers: int) -> None:
    exchange(held, pose_rad(held, 0.5))
    held.drop(n_answers)
    for _ in range(3):
        came = attempt(held, pose_rad(held, 0.5))
        if isinstance(came, BusTimeoutError):
            assert any(joint.name in str(came) for joint in held.config.joints)
        else:
            assert_true(held, came)
    recover(held)


def test_what_is_no_answer_is_skipped(held: ArmRig) -> None:
    exchange(held, pose_rad(held, 0.5))
    for _ in range(5):
        held.garble()
        came = attempt(held, pose_rad(held, 0.5))
        if isinstance(came, JointState):
            assert_true(held, came)
    recover(held)


def test_a_silent_motor_is_named(held: ArmRig) -> None:
    exchange(held, pose_rad(held, 0.5))
    held.silence(2)
    with pytest.raises(BusTimeoutError, match=held.config.joints[2].name) as caught:
        exchange(held, pose_rad(held, 0.5))
    assert held.config.joints[1].name not in str(caught.value)
    assert held.config.port in str(caught.value)
    held.speak(2)
    recover(held)


def test_a_motor_that_is_not_there_is_named_at_opening(rig: ArmRig) -> None:
    rig.silence(1)
    with pytest.raises(BusTimeoutError, match=rig.config.joints[1].name):
        rig.arm.open()
    rig.speak(1)
    hold(rig)


def test_no_exchange_outlasts_its_share_of_the_period(held: ArmRig) -> None:
    exchange(held, pose_rad(held, 0.5))
    held.silence(0)
    for _ in range(4):
        held.wait(held.config.period_ns)
        t_start_ns = held.now_ns()
        with pytest.raises(BusTimeoutError):
            held.arm.exchange(pose_rad(held, 0.5))
        assert held.now_ns() - t_start_ns <= BUDGET_RATIO * held.config.period_ns + CYCLE_SLACK_NS


def test_an_unplugged_bus_is_lost_and_comes_back(held: ArmRig) -> None:
    exchange(held, pose_rad(held, 0.5))
    held.unplug()
    with pytest.raises(DeviceLostError, match=held.config.port):
        exchange(held, pose_rad(held, 0.6))
    with pytest.raises(DeviceLostError):
        held.arm.open()
    held.plug()
    with pytest.raises(ForerunError):  # not without opening it, and holding the pose
        exchange(held, pose_rad(held, 0.6))
    hold(held)
    exchange(held, pose_rad(held, 0.6))
    assert held.angles_rad() == pytest.approx(pose_rad(held, 0.6), abs=held.resolution_rad)


def test_motors_that_lost_their_power_are_noticed_and_held_only_when_asked(held: ArmRig) -> None:
    exchange(held, pose_rad(held, 0.5))
    held.power_cycle()

    def go_on() -> None:
        for _ in range(SETTLED_CYCLES):
            exchange(held, pose_rad(held, 0.5))

    with pytest.raises(DeviceError):
        go_on()
    assert not all(held.torque())
    held.arm.open()
    held.arm.hold()
    assert all(held.torque())
    recover(held)


@pytest.mark.parametrize("delay_ms", [1, 3, 8, 15, 35, 80, 150])
def test_an_answer_that_comes_late_is_never_taken_for_a_new_one(held: ArmRig, delay_ms: int) -> None:
    sent = [pose_rad(held, 0.5)] * 2
    exchange(held, sent[0])
    for cycle in range(60):
        held.delay(delay_ms * MS if 10 <= cycle < 14 or 30 <= cycle < 45 else 0)
        sent.append(pose_rad(held, 0.2 + 0.01 * cycle))
        newest = sent[-1:] if held.answers_each_target else sent[-2:]
        came = attempt(held, sent[-1])
        if isinstance(came, JointState):
            assert any(np.allclose(came.position_rad, pose, atol=2 * held.resolution_rad) for pose in newest), cycle
    held.delay(0)
    recover(held)


def test_a_rate_that_the_wire_cannot_carry_is_refused_with_a_reason(rig: ArmRig) -> None:
    too_fast_hz = 1.1 * bus_budget(rig.config).rate_max_hz
    if too_fast_hz <= 1000:
        with pytest.raises(RefusedError, match=r"on the wire .* lower arm\.rate_hz"):
            rig.arm_with(rate_hz=too_fast_hz).open()
    rig.arm.open()


def speak_all(rig: ArmRig) -> None:
    for index in range(len(rig.config.joints)):
        rig.speak(index)


def act(rig: ArmRig, hand: str, number: int) -> None:
    """Do to the bus what `hand` names."""
    index = number % len(rig.config.joints)
    hands: dict[str, Callable[[], object]] = {
        "drop": lambda: rig.drop(1 + number % 9),
        "garble": rig.garble,
        "silence": lambda: rig.silence(index),
        "speak": lambda: speak_all(rig),
        "unplug": rig.unplug,
        "plug": rig.plug,
        "power": rig.power_cycle,
        "delay": lambda: rig.delay(number % 40 * MS),
        "prompt": lambda: rig.delay(0),
        "reopen": lambda: hold(rig),
        "move": lambda: exchange(rig, pose_rad(rig, 0.3 + number % 40 / 100)),
    }
    hands[hand]()


HANDS = ["drop", "garble", "silence", "speak", "unplug", "plug", "power", "delay", "prompt", "reopen", "move"]
ACTIONS = st.lists(st.tuples(st.sampled_from(HANDS), st.integers(0, 1000)), max_size=30)


@pytest.mark.parametrize("make", list(RIGS.values()), ids=list(RIGS))
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(actions=ACTIONS)
def test_whatever_happens_only_our_errors_come_and_it_works_again(
    make: RigMaker, actions: list[tuple[str, int]]
) -> None:
    rig = make()
    hold(rig)
    for hand, number in actions:
        try:
            act(rig, hand, number)
            state = exchange(rig, pose_rad(rig, 0.5))
        except ForerunError:
            continue
        if rig.answers_each_target:
            assert_true(rig, state)
    rig.plug()
    rig.drop(0)
    rig.delay(0)
    speak_all(rig)
    rig.wait(300 * MS)
    hold(rig)
    recover(rig)
