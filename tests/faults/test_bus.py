"""The bus and its motors: what is below the budget is no fault, what is above is one that names the culprit, and stays until cleared."""

import time
from collections.abc import Callable

import pytest

from bench.faults.process_rig import FaultRig
from interfaces.messages import CommandState
from interfaces.operator_wire import Order

BUDGET = 20  # failed cycles in a row; a machine so busy that a pty loses them by itself is no machine for this
AFTER_MAX_MS = 1_500.0  # from the injection to FAULT: budget or patience, and what a busy machine adds

# The order that breaks it, what the fault must say, and the order that mends it.
FAULTS = [
    ("unplug", "servo-bus", "plug"),
    ("silence 3", "servo 3 (elbow_flex)", "speak 3"),
    ("drop 100000", "no answer in time", "drop 0"),
    ("corrupt 100000", "no answer in time", "corrupt 0"),
    ("heat 2 67", "shoulder_lift is at 67 degC, limit 65 degC", "heat 2 25"),
    ("heat 4 90", "servo 4 (wrist_flex) on servo-bus reports overheat", "heat 4 25"),
    ("supply 8", "8.0 V, needs 9.0 V", "supply 12"),
    ("supply 3.5", "voltage", "supply 12"),
]


def test_what_is_below_the_budget_is_no_fault(rig: FaultRig) -> None:
    rig.hand.swing_fast()
    for order in ("drop 2", "corrupt 2", "garbage 00ff11ff", "drop 12", "corrupt 12", "garbage " + "ff" * 60):
        rig.servos.tell(order)
        rig.hand.swing_for(0.1)
    rig.hand.swing_until(CommandState.FOLLOWING)
    evidence = rig.evidence()
    assert "FAULT" not in evidence.said
    evidence.assert_all_is_within_limits()


@pytest.mark.parametrize(("wrong", "names", "mended"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_what_is_above_is_a_fault_that_stays_until_it_is_cleared(
    make_rig: Callable[..., FaultRig], wrong: str, names: str, mended: str
) -> None:
    rig = make_rig(bus_error_budget=BUDGET)
    rig.hand.swing_fast()
    t_wrong_ns = time.monotonic_ns()
    rig.servos.tell(wrong)
    rig.hand.swing_until(CommandState.FAULT)
    rig.servos.tell(mended)
    rig.command.clear()  # asks until the cause is gone: a bus that is lost refuses it
    rig.hand.swing_until(CommandState.FOLLOWING)
    rig.hand.swing_for(0.1)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits(lost_on_the_way=1)
    said = [line for line in evidence.said.splitlines() if "-> FAULT" in line]
    assert len(said) == 1
    assert names in said[0]
    fault = evidence.records[evidence.records["state"] == CommandState.FAULT]
    assert (fault["t_woke_ns"][0] - t_wrong_ns) / 1e6 <= AFTER_MAX_MS


def test_answers_late_by_more_than_a_period_are_no_fresh_joints(make_rig: Callable[..., FaultRig]) -> None:
    rig = make_rig()
    rig.hand.swing_fast()
    rig.servos.tell("delay 150")  # the joints may be 100 ms old
    assert rig.hand.swing_for(1.0).state is not CommandState.FOLLOWING


def test_mended_is_not_cleared(make_rig: Callable[..., FaultRig]) -> None:
    rig = make_rig(bus_error_budget=BUDGET)
    rig.hand.swing_fast()
    rig.servos.tell("unplug")
    rig.hand.swing_until(CommandState.FAULT)
    refused = rig.order(Order.CLEAR)
    assert not refused.done
    assert "still lost" in refused.text
    rig.servos.tell("plug")
    t_end_ns = time.monotonic_ns() + 30_000_000_000
    while "the bus is back" not in rig.order(Order.STATUS).text:
        assert time.monotonic_ns() < t_end_ns
        rig.hand.swing_for(0.05)
    t_back_ns = time.monotonic_ns()
    assert rig.hand.swing_for(0.4).state is CommandState.FAULT  # fresh chunks come all the time
    t_clear_ns = time.monotonic_ns()
    rig.command.clear()
    rig.hand.swing_until(CommandState.FOLLOWING)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits(lost_on_the_way=1)
    assert evidence.states_between(t_back_ns, t_clear_ns) == {CommandState.FAULT}


def test_a_half_duplex_adapter_that_echoes_is_as_good_as_any(make_rig: Callable[..., FaultRig]) -> None:
    rig = make_rig(echo=True)
    rig.hand.swing_fast()
    rig.hand.swing_for(0.3)
    evidence = rig.evidence()
    assert "FAULT" not in evidence.said
    evidence.assert_all_is_within_limits()


def test_an_adapter_that_begins_to_echo_in_motion_is_survived(rig: FaultRig) -> None:
    for order in ("echo", "no-echo"):
        rig.hand.swing_fast()
        rig.servos.tell(order)
        rig.hand.swing_for(0.3)
        if rig.order(Order.STATUS).state is CommandState.FAULT:  # not if the answers are found behind the echo in time
            rig.command.clear()
    rig.hand.swing_until(CommandState.FOLLOWING)
    rig.evidence().assert_all_is_within_limits()


def test_motors_that_lost_their_power_for_a_moment_are_a_fault(rig: FaultRig) -> None:
    rig.hand.swing_fast()
    rig.servos.tell("power")  # shorter than the budget of the bus: every answer comes, and torque is off
    rig.hand.swing_for(2.0)  # one whole swing
    evidence = rig.evidence()
    off_rad = abs(evidence.records["position_rad"] - evidence.records["commanded_rad"])[-150:].max()
    assert "FAULT" in evidence.said or off_rad < 0.1
