"""The command loop in this process, on an arm in memory: who may stop and clear it, and that it sets nothing aside while it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from bench.loop_rig import LoopTrial, following, stop
from interfaces.command_report import CommandReport
from interfaces.errors import RefusedError
from interfaces.messages import CommandState, JointState
from interfaces.operator_wire import OperatorOrder, Order
from runtime.operator_link import OperatorAsker


@pytest.fixture
def trial(folder: Path) -> Iterator[LoopTrial]:
    """Return a loop that has not begun."""
    made = LoopTrial(folder)
    yield made
    made.close()


def test_a_person_stops_it_and_only_a_person_lets_it_go_on(trial: LoopTrial) -> None:
    trial.each = following(trial)
    trial.plan = {
        300: trial.order(Order.ESTOP, "the cat"),
        600: trial.order(Order.CLEAR),
        900: trial.order(Order.CLEAR),
        1000: stop,
    }
    trial.run()
    stopped, cleared, refused = trial.answers
    assert (stopped.done, stopped.state, stopped.text) == (True, CommandState.ESTOP, "the cat")
    assert (cleared.done, cleared.state) == (True, CommandState.READY)
    assert (refused.done, refused.text) == (False, "there is nothing to clear: FOLLOWING")
    # On a busy machine it may hold for a moment instead of following.
    states = [state for state in trial.states if state not in {CommandState.READY, CommandState.HOLDING}]
    order = [state for k, state in enumerate(states) if k == 0 or state is not states[k - 1]]
    assert order == [CommandState.FOLLOWING, CommandState.ESTOP, CommandState.FOLLOWING]
    assert trial.states.count(CommandState.ESTOP) > 250  # although chunks went on


def test_a_lost_bus_cannot_be_cleared_before_it_is_back(trial: LoopTrial) -> None:
    def unplug() -> None:
        trial.arm.gone = True
        trial.order(Order.CLEAR)()  # is read in the next period, when the bus is known to be lost

    def replug() -> None:
        trial.arm.gone = False

    opened = trial.arm.open

    def open_later() -> JointState:
        trial.answers += filter(None, [trial.operator.receive(0.0)])
        if trial.answers:
            replug()
        return opened()

    trial.arm.open = open_later
    trial.each = following(trial)
    trial.plan = {300: unplug, 310: trial.order(Order.STATUS), 320: trial.order(Order.CLEAR), 500: stop}
    trial.run()
    refused, status, cleared = trial.answers
    assert (refused.done, refused.state) == (False, CommandState.FAULT)
    assert "the bus is still lost: memory: gone" in refused.text
    assert status.state is CommandState.FAULT
    assert "until the fault is cleared" in status.text
    assert (cleared.done, cleared.state) == (True, CommandState.READY)
    assert trial.states[-1] in {CommandState.FOLLOWING, CommandState.HOLDING}


def test_a_byte_in_the_pipe_stops_it(folder: Path) -> None:
    trial = LoopTrial(folder, estop_pipe=str(folder / "estop"))
    trial.each = following(trial)

    def press() -> None:
        (folder / "estop").write_bytes(b"!")

    trial.plan = {300: press, 500: stop}
    trial.run()
    trial.close()
    assert trial.states[-1] is CommandState.ESTOP


def test_a_stop_that_cannot_be_had_is_refused(folder: Path) -> None:
    (folder / "estop").write_text("a file", encoding="utf-8")
    with pytest.raises(RefusedError, match="is no named pipe"):
        LoopTrial(folder, estop_pipe=str(folder / "estop"))


def test_a_bus_that_is_lost_and_back_within_a_period_leaves_its_cause(
    trial: LoopTrial, capfd: pytest.CaptureFixture[str]
) -> None:
    asker = OperatorAsker(Path(trial.config.runtime.operator_socket))
    reports: list[CommandReport | None] = []

    def lose() -> None:
        trial.arm.gone = True
        opened = trial.arm.open

        def back_at_once() -> JointState:
            trial.arm.gone = False
            return opened()

        trial.arm.open = back_at_once

    trial.each = following(trial)
    trial.plan = {
        1500: lose,  # a bus that was open for a second is opened again at once
        1600: lambda: asker.send(OperatorOrder(order=Order.REPORT)),
        1700: lambda: reports.append(asker.receive_report(0.0)),
        1800: stop,
    }
    trial.run()
    asker.close()
    (report,) = reports
    assert report is not None
    assert report.state is CommandState.FAULT
    assert report.last_fault == "memory: gone"
    assert "the bus is back" in report.why
    said = capfd.readouterr().err
    assert said.index("-> FAULT: memory: gone") < said.index("FAULT: the bus is back")


def test_it_sets_nothing_aside_while_it_runs(trial: LoopTrial) -> None:
    blocks: list[int] = []

    def count(exchanges: int) -> None:
        if exchanges % 20 == 0:
            trial.propose()
        trial.states.clear()
        if exchanges % 1000 == 0:
            blocks.append(sys.getallocatedblocks())

    trial.each = count
    trial.plan = {5001: stop}
    trial.run()
    growth = [after - before for before, after in pairwise(blocks)]
    assert min(growth) < 50  # numpy's and Python's own stores may fill once; whatever is kept would be kept every time
