"""When the loop may end, and when torque may go: by a clock of our own."""

from __future__ import annotations

import numpy as np
import pytest

from interfaces.messages import CommandState, JointState
from runtime.command.ordered_stop import STOP_MAX_NS, OrderedStop

MS = 1_000_000


def joints(velocity_rad_s: float) -> JointState:
    zeros = np.zeros(6)
    return JointState(
        t_measured_ns=1,
        position_rad=zeros,
        velocity_rad_s=zeros + velocity_rad_s,
        effort_ratio=zeros,
        voltage_v=zeros,
        temperature_degc=zeros,
    )


STILL, MOVING = joints(0.01), joints(0.5)
HOLDING, FOLLOWING, FAULT = CommandState.HOLDING, CommandState.FOLLOWING, CommandState.FAULT


def test_nothing_ends_before_it_is_ordered() -> None:
    stop = OrderedStop("hold", dry_run=False)
    assert not stop.ordered
    assert not stop.over(HOLDING, STILL, 0, at_rest=True)


def test_to_hold_it_ends_as_soon_as_the_commands_are_at_rest() -> None:
    stop = OrderedStop("hold", dry_run=False)
    stop.order(0)
    assert not stop.over(FOLLOWING, MOVING, 1, at_rest=False)
    assert not stop.over(HOLDING, MOVING, 2, at_rest=False)
    assert stop.over(HOLDING, MOVING, 3, at_rest=True)
    assert stop.why_not_release(HOLDING, lost=False) == "torque stays on: the arm is held"


def test_to_release_it_waits_until_the_arm_stands_still() -> None:
    stop = OrderedStop("release", dry_run=False)
    stop.order(0)
    t_ns = next(t * MS for t in range(0, 3000, 10) if stop.over(HOLDING, STILL, t * MS, at_rest=t >= 500))
    assert t_ns == 800 * MS
    assert stop.why_not_release(HOLDING, lost=False) is None


def test_an_arm_that_goes_on_moving_is_held() -> None:
    stop = OrderedStop("release", dry_run=False)
    stop.order(0)
    t_ns = next(t * MS for t in range(0, 3000, 10) if stop.over(HOLDING, MOVING, t * MS, at_rest=True))
    assert t_ns == STOP_MAX_NS + 10 * MS
    assert stop.why_not_release(HOLDING, lost=False) == "torque stays on: the arm does not stand still"


def test_one_that_was_still_and_moves_again_is_held() -> None:
    stop = OrderedStop("release", dry_run=False)
    stop.order(0)
    for t_ms in range(0, 2000, 10):
        assert not stop.over(HOLDING, STILL if t_ms < 290 else MOVING, t_ms * MS, at_rest=True)
    assert stop.why_not_release(HOLDING, lost=False) is not None


def test_the_time_it_is_ordered_is_the_first_one() -> None:
    stop = OrderedStop("hold", dry_run=False)
    stop.order(0)
    stop.order(STOP_MAX_NS)
    assert stop.over(FOLLOWING, MOVING, STOP_MAX_NS + 1, at_rest=False)


@pytest.mark.parametrize(
    ("state", "lost", "dry_run", "why"),
    [
        (FAULT, False, False, "torque stays on: FAULT"),
        (CommandState.ESTOP, False, False, "torque stays on: ESTOP"),
        (CommandState.BOOT, True, False, "torque stays as it is: the bus is lost"),
        (HOLDING, False, True, "torque stays as it is: a dry run"),
    ],
)
def test_torque_never_goes_in(state: CommandState, why: str, *, lost: bool, dry_run: bool) -> None:
    stop = OrderedStop("release", dry_run=dry_run)
    stop.order(0)
    assert stop.over(state, STILL, 1, at_rest=True)  # there is nothing to wait for
    assert stop.why_not_release(state, lost=lost) == why
