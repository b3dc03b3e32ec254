"""The arm in a program's hands: within its limits, stopped at a touch, left as it was found."""

from __future__ import annotations

import numpy as np
import pytest

from bench.workplace.virtual_arm import CONFIG, VirtualArm, VirtualClock
from calibration.session.arm_session import LOST_CYCLES_MAX, ArmSession
from calibration.session.touch import TouchError
from interfaces.errors import BusTimeoutError, RefusedError

PERIOD_S = CONFIG.period_ns * 1e-9


def new_session(**options: tuple[bool, bool]) -> tuple[ArmSession, VirtualArm]:
    clock = VirtualClock()
    arm = VirtualArm(clock, **options)
    return ArmSession(arm, CONFIG, clock), arm


def test_a_move_arrives_and_keeps_the_limits_of_the_robot_file() -> None:
    session, arm = new_session(driving=(True, True))
    with session:
        session.hold()
        joints = session.move(np.array([1.2, 0.9]), speed_ratio=1.0)
    assert joints.position_rad == pytest.approx([1.2, 0.9], abs=1e-6)
    velocity = np.diff(arm.told, axis=0) / PERIOD_S
    acceleration = np.diff(velocity, axis=0) / PERIOD_S
    assert np.abs(velocity).max() <= CONFIG.joints[0].velocity_max_rad_s * 1.001
    assert np.abs(acceleration).max() <= CONFIG.joints[0].acceleration_max_rad_s2 * 1.001


def test_a_slow_move_is_as_slow_as_asked() -> None:
    session, arm = new_session(driving=(True, True))
    with session:
        session.hold()
        session.move(np.array([1.2, -0.2]), speed_ratio=0.1)
    assert np.abs(np.diff(arm.told, axis=0)).max() / PERIOD_S <= 0.1 * CONFIG.joints[0].velocity_max_rad_s * 1.05


def test_what_pushes_against_something_stops_there_and_holds() -> None:
    session, arm = new_session(driving=(True, True))
    arm.wall_rad = 0.5
    with session:
        session.hold()
        with pytest.raises(TouchError, match=r"shoulder pushes with 80%"):
            session.move(np.array([1.2, -0.2]))
        stopped_rad = arm.position_rad.copy()
        session.stand(200_000_000)
    assert 0.5 < stopped_rad[0] < 0.75
    assert arm.position_rad == pytest.approx(stopped_rad, abs=1e-9)
    assert arm.driving == (True, True)


def test_a_limp_arm_is_laid_to_rest_and_let_go_again() -> None:
    session, arm = new_session()
    with session:
        session.hold()
        session.move(np.array([1.0, 1.0]))
    assert arm.driving == (False, False)
    assert arm.position_rad == pytest.approx([0.1, 0.1], abs=1e-6)
    assert not arm.is_open


def test_an_arm_that_held_holds_again_also_after_an_interrupt() -> None:
    session, arm = new_session(driving=(True, True))

    def interrupted() -> None:
        with session:
            session.release()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert arm.driving == (True, True)


def test_an_arm_that_was_never_touched_is_told_nothing() -> None:
    session, arm = new_session()
    with session:
        session.read()
    assert not arm.told
    assert arm.driving == (False, False)


def test_a_lost_packet_is_forgiven_a_row_of_them_is_not() -> None:
    session, arm = new_session(driving=(True, True))
    with session:
        session.hold()
        arm.lose = LOST_CYCLES_MAX - 1
        session.beat(None)
        arm.lose = LOST_CYCLES_MAX
        with pytest.raises(BusTimeoutError):
            session.beat(None)


def test_nobody_moves_an_arm_that_nobody_holds() -> None:
    session, arm = new_session()
    with session, pytest.raises(RefusedError, match="nobody holds it"):
        session.beat(arm.position_rad)
