"""How a program leaves the arm: also when something is in its way, the bus is gone, or Ctrl-C is pressed again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from bench.workplace.virtual_arm import CONFIG, VirtualArm, VirtualClock
from calibration.session.arm_session import LOST_CYCLES_MAX, ArmSession, Beat
from calibration.session.clock import MonotonicClock
from calibration.session.touch import TouchError
from calibration.session.yes_operator import YesOperator
from interfaces.errors import BusTimeoutError, DeviceError, RefusedError
from interfaces.messages import JointState, JointVector

PERIOD_S = CONFIG.period_ns * 1e-9
FAR_RAD = np.array([-1.0, 1.0])


class Person(YesOperator):
    """Remembers what it is told and asked; says yes to a limp arm where it is there to take it."""

    def __init__(self, clock: Any, *, takes: bool = False) -> None:
        super().__init__(clock, "person")
        self.takes = takes
        self.heard: list[str] = []
        self.asked: list[str] = []

    @override
    def say(self, text: Any) -> None:
        self.heard.append(str(text))

    @override
    def confirm(self, step: str, question: str, *, default: bool) -> bool:
        self.asked.append(f"{step}: {question}")
        return self.takes or default


def far_from_rest(*, takes: bool = False, **options: Any) -> tuple[ArmSession, VirtualArm, Person]:
    """Return an arm that hung limp, and stands far from its rest pose when the session is entered."""
    clock = VirtualClock()
    arm, person = VirtualArm(clock), Person(clock, takes=takes)
    arm.position_rad = FAR_RAD.copy()
    return ArmSession(arm, CONFIG, clock, person, **options), arm, person


def in_hands(session: ArmSession, do: Callable[[], object]) -> None:
    """Do something with the arm held."""
    with session:
        session.hold()
        do()


@pytest.mark.parametrize("takes", [False, True])
def test_what_is_in_the_way_to_rest_stops_it_and_only_who_says_so_lets_it_fall(*, takes: bool) -> None:
    session, arm, person = far_from_rest(takes=takes)
    arm.wall_rad = -0.5
    with session:
        session.hold()
    assert -0.55 < arm.position_rad[0] < 0.0
    assert "let-go: On its way to rest, shoulder pushes with 80%" in person.asked[0]
    assert any(arm.driving) is not takes
    assert any("still held" in text for text in person.heard) is not takes
    assert not arm.is_open


def test_with_nobody_to_ask_it_ends_held_and_says_so() -> None:
    clock = VirtualClock()
    arm = VirtualArm(clock)
    arm.position_rad, arm.wall_rad = FAR_RAD.copy(), -0.5
    session = ArmSession(arm, CONFIG, clock)
    with pytest.raises(TouchError, match=r"On its way to rest, shoulder pushes .* held where it is"), session:
        session.hold()
    assert arm.driving == (True, True)


def test_a_second_ctrl_c_brakes_and_holds_and_the_first_goes_on() -> None:
    session, arm, person = far_from_rest()
    told = arm.exchange

    def impatient(position_rad: JointVector) -> JointState:
        if len(arm.told) == 60:
            arm.told.append(position_rad.copy())
            raise KeyboardInterrupt
        return told(position_rad)

    def pressed() -> None:
        raise KeyboardInterrupt

    arm.exchange = impatient
    with pytest.raises(KeyboardInterrupt):
        in_hands(session, pressed)
    assert "Stopped on its way to rest" in person.asked[0]
    assert arm.driving == (True, True)
    velocity = np.diff(arm.told, axis=0) / PERIOD_S
    assert velocity[58:].any()
    assert np.abs(velocity[-1]).max() < 0.02  # the last little step of braking
    assert np.abs(np.diff(velocity, axis=0)).max() / PERIOD_S <= CONFIG.joints[0].acceleration_max_rad_s2 * 1.001


def test_a_way_to_rest_that_is_not_clear_is_not_tried() -> None:
    session, arm, person = far_from_rest()
    with session:
        session.hold()
        session.may_rest = lambda: False
    np.testing.assert_array_equal(arm.position_rad, FAR_RAD)
    assert "not clear" in person.asked[0]


def test_ctrl_c_in_a_quick_motion_brakes_an_arm_that_was_held() -> None:
    clock = VirtualClock()
    arm = VirtualArm(clock, driving=(True, True))
    session = ArmSession(arm, CONFIG, clock)

    def pressed(_: Beat) -> None:
        if len(arm.told) == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_hands(session, lambda: session.move(np.array([1.2, -0.2]), speed_ratio=1.0, each_beat=pressed))
    velocity = np.diff(arm.told, axis=0) / PERIOD_S
    assert np.abs(velocity[48]).max() > 0.2
    assert np.abs(velocity[-1]).max() < 0.02  # the last little step of braking
    assert np.abs(np.diff(velocity, axis=0)).max() / PERIOD_S <= CONFIG.joints[0].acceleration_max_rad_s2 * 1.001


def test_the_error_that_ended_it_is_not_hidden_by_a_bus_that_is_gone() -> None:
    session, arm, person = far_from_rest()

    def lost() -> None:
        arm.lose = 10 * LOST_CYCLES_MAX
        raise RefusedError("the first error")

    with pytest.raises(RefusedError, match="the first error"):
        in_hands(session, lost)
    assert any("could not be left as they were found" in text and "no answer" in text for text in person.heard)

    session, arm, _ = far_from_rest()
    with pytest.raises(BusTimeoutError):
        in_hands(session, lambda: setattr(arm, "lose", 10 * LOST_CYCLES_MAX))


def test_an_arm_that_stands_by_itself_is_let_go_where_it_is() -> None:
    session, arm, _ = far_from_rest(stands=True)
    with session:
        session.hold()
        session.move(FAR_RAD + 0.05)
    assert arm.driving == (False, False)
    np.testing.assert_allclose(arm.position_rad, FAR_RAD + 0.05)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, BusTimeoutError])
def test_an_arm_that_is_held_half_is_let_go(failure: type[BaseException]) -> None:
    session, arm, _ = far_from_rest()

    def half() -> JointState:
        arm.driving = (True, False)
        raise failure("elbow")

    arm.hold = half
    with pytest.raises(failure), session:
        session.hold()
    assert arm.driving == (False, False)


def test_a_motor_too_hot_still_goes_to_rest() -> None:
    session, arm, person = far_from_rest()
    read = arm.read

    def hot() -> JointState:
        return replace(read(), temperature_degc=np.array([90.0, 30.0]))

    def heated() -> None:
        arm.read = hot
        session.stand(1_000_000_000)

    with pytest.raises(DeviceError, match="shoulder is at 90 degC"):
        in_hands(session, heated)
    assert arm.driving == (False, False)
    np.testing.assert_allclose(arm.position_rad, 0.1, atol=1e-6)
    assert not person.asked


class RealTimeArm(VirtualArm):
    """Counts how long it was left alone, by the real clock."""

    def __init__(self) -> None:
        super().__init__(VirtualClock(), driving=(True, True))
        self.t_told_ns: list[int] = []

    @override
    def exchange(self, position_rad: JointVector) -> JointState:
        self.t_told_ns.append(MonotonicClock().now_ns())
        return super().exchange(position_rad)


def test_what_is_held_is_told_so_while_something_is_computed() -> None:
    arm, release = RealTimeArm(), threading.Event()
    timer = threading.Timer(0.5, release.set)
    with ArmSession(arm, CONFIG, MonotonicClock()) as session:
        session.hold()
        timer.start()
        assert session.while_computing(lambda: release.wait(5.0) and threading.current_thread().name) == "computation"
        n_told = len(arm.t_told_ns)
    assert n_told > 25  # of 50, on a busy machine
    assert np.diff(arm.t_told_ns).max() < 150e6


def test_what_a_computation_raises_comes_through_and_a_limp_arm_needs_nothing() -> None:
    clock = VirtualClock()
    arm = VirtualArm(clock, driving=(True, True))
    with ArmSession(arm, CONFIG, clock) as session:
        assert session.while_computing(threading.current_thread) is threading.main_thread()
        session.hold()
        with pytest.raises(ZeroDivisionError):
            session.while_computing(lambda: 1 // 0)
        assert not arm.told  # no time went by
