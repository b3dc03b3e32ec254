"""A command process that dies after the arm was stopped, or at fault: the next one holds, and moves nothing until a person clears it."""

import signal
import time
from collections.abc import Callable

import numpy as np
import pytest

from bench.faults.process_rig import FaultRig
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorOrder, Order
from runtime.operator_link import ask


def stop(rig: FaultRig) -> str:
    assert rig.order(Order.ESTOP).state is CommandState.ESTOP
    return "a test"


def pull_the_cable(rig: FaultRig) -> str:
    rig.servos.tell("unplug")
    rig.wait_for(CommandState.FAULT)
    rig.servos.tell("plug")
    return "FAULT: "


@pytest.mark.parametrize("latch", [stop, pull_the_cable])
@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGABRT])
def test_it_moves_nothing_when_it_is_started_again(
    rig: FaultRig, latch: Callable[[FaultRig], str], death: signal.Signals
) -> None:
    rig.swinging_policy()  # goes on sending chunks until the end
    rig.wait_for(CommandState.FOLLOWING)
    reason, t_dead_ns = latch(rig), 0
    for _ in range(2):  # and dies again
        rig.command.process.send_signal(death)
        rig.command.process.wait(30)
        t_dead_ns = time.monotonic_ns()
        rig.restart_command()
        rig.wait_for(CommandState.ESTOP)
        text = ask(rig.folder / "operator.sock", OperatorOrder(order=Order.STATUS)).text
        assert text.startswith(f"stopped before it was started again: {reason}")
    time.sleep(0.6)
    t_clear_ns = time.monotonic_ns()
    assert rig.order(Order.CLEAR).done
    rig.wait_for(CommandState.FOLLOWING)  # chunks were there all the time
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    assert "BOOT -> ESTOP: stopped before it was started again" in evidence.said
    assert evidence.said.count("stopped before it was started again") == 1
    assert evidence.states_between(t_dead_ns, t_clear_ns) == {CommandState.ESTOP}
    goals = evidence.goals
    held = goals["goal_ticks"][(goals["t_ns"] > t_dead_ns) & (goals["t_ns"] < t_clear_ns)].astype(int)
    assert len(held) > 20
    assert np.abs(held - held[0]).max() * RAD_PER_TICK <= RAD_PER_TICK  # the measured pose, commanded again and again


def test_an_ordered_end_is_a_persons_and_leaves_nothing(rig: FaultRig) -> None:
    rig.swinging_policy()
    rig.wait_for(CommandState.FOLLOWING)
    stop(rig)
    rig.command.stop()
    assert not (rig.folder / "operator.sock.latch").exists()
    rig.restart_command()
    rig.wait_for(CommandState.FOLLOWING)
    rig.evidence().assert_all_is_within_limits()
