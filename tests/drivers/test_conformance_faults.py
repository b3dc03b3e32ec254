"""One suite for every arm driver, second half: lost, late and foreign answers, silent motors, cables, power; alone and in any order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.arm_rigs import RIGS
from bench.arm_rigs.rig import ArmRig, RigMaker
from bench.arm_rigs.trial import MS, SETTLED_CYCLES, assert_true, attempt, exchange, hold, pose_rad, recover
from drivers.bus_budget import BUDGET_RATIO
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError, ForerunError
from interfaces.messages import JointState

CYCLE_SLACK_NS = 3 * MS  # beyond its share of the period: the last answer may have begun within it


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


@pytest.mark.parametrize("n_later", range(30))
def test_whichever_order_is_lost_while_beginning_to_hold_nothing_moves(rig: ArmRig, n_later: int) -> None:
    for index, angle in enumerate(pose_rad(rig, 0.7)):  # far from any target that a motor has of old
        rig.place(index, float(angle))
    placed = rig.angles_rad()
    rig.arm.open()
    rig.lose(n_later)
    with suppress(DeviceError):
        rig.arm.hold()
    assert rig.angles_rad() == pytest.approx(placed, abs=2 * rig.resolution_rad)
    rig.arm.hold()
    assert rig.angles_rad() == pytest.approx(placed, abs=2 * rig.resolution_rad)
    assert all(rig.torque())


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


def test_a_motor_whose_power_was_cut_drives_no_more_and_the_others_do(held: ArmRig) -> None:
    exchange(held, pose_rad(held, 0.5))
    held.brown_out(2)
    held.wait(200 * MS)
    told = held.arm.torque()
    assert list(told) == held.torque()
    assert not told[2]
    held.arm.hold()
    assert all(held.arm.torque())


def test_a_silent_motor_is_named_when_asked_for_its_torque(held: ArmRig) -> None:
    held.silence(2)
    with pytest.raises(BusTimeoutError, match=held.config.joints[2].name):
        held.arm.torque()
    held.speak(2)
    assert list(held.arm.torque()) == held.torque()  # by now it may have let go, by its own time-out


@pytest.mark.parametrize("n_answers", [1, 2])
def test_torque_survives_lost_answers_or_says_so(held: ArmRig, n_answers: int) -> None:
    exchange(held, pose_rad(held, 0.5))
    held.drop(n_answers)
    with suppress(BusTimeoutError):
        assert list(held.arm.torque()) == held.torque()
    held.arm.release()
    held.drop(n_answers)
    with suppress(BusTimeoutError):
        assert list(held.arm.torque()) == held.torque()


def test_an_answer_from_before_a_release_is_not_torque(held: ArmRig) -> None:
    """What the motors said while they held comes late, when they hang limp."""
    exchange(held, pose_rad(held, 0.5))
    held.delay(20 * MS)
    with suppress(BusTimeoutError):
        held.arm.torque()
    with suppress(BusTimeoutError):
        held.arm.release()
    held.delay(0)
    with suppress(BusTimeoutError):
        assert list(held.arm.torque()) == held.torque()
    recovered = held.arm.torque()
    assert list(recovered) == held.torque()


def test_identity_is_read_through_losses(rig: ArmRig) -> None:
    rig.arm.open()
    true = rig.arm.identity()
    rig.arm.close()
    for n_later in range(0, 60, 7):
        rig.lose(n_later)
        with suppress(BusTimeoutError):
            rig.arm.open()
            assert rig.arm.identity() == true
        rig.arm.close()
