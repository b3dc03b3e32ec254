"""What a command loop was stopped by outlives its crash, and nothing outlives its ordered end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.loop_rig import LoopTrial, following, stop
from interfaces.messages import CommandState
from interfaces.operator_wire import Order


class CrashError(Exception):
    """What nobody foresaw."""


def crash() -> None:
    raise CrashError


def crashed(folder: Path, plan: dict[int, Callable[[LoopTrial], None]], *, dry_run: bool = False) -> LoopTrial:
    """Let a loop follow, let things happen, and end as a crash ends it."""
    trial = LoopTrial(folder, dry_run=dry_run)
    trial.each = following(trial)
    trial.plan = {at: lambda what=what: what(trial) for at, what in plan.items()}
    with pytest.raises(CrashError):
        trial.run()
    trial.close()
    return trial


def estop(trial: LoopTrial) -> None:
    trial.order(Order.ESTOP, "the cat")()


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_was_stopped_before_a_crash_is_stopped_after_it_until_a_person_clears_it(
    folder: Path,
    dry_run: bool,  # noqa: FBT001
) -> None:
    before = crashed(folder, {300: estop, 400: lambda _: crash()}, dry_run=dry_run)
    assert before.states[-1] is CommandState.ESTOP
    again = crashed(folder, {200: lambda _: crash()}, dry_run=dry_run)
    assert set(again.states) == {CommandState.ESTOP}
    trial = LoopTrial(folder, dry_run=dry_run)
    trial.each = following(trial)
    trial.plan = {
        200: trial.order(Order.STATUS),
        300: trial.order(Order.CLEAR),
        600: stop,
    }
    trial.run()
    trial.close()
    told, cleared = trial.answers
    assert (told.state, told.text) == (CommandState.ESTOP, "stopped before it was started again: the cat")
    assert (cleared.done, cleared.state) == (True, CommandState.READY)
    assert set(trial.states[:290]) == {CommandState.ESTOP}
    assert CommandState.FOLLOWING in trial.states[290:]
    after = crashed(folder, {200: lambda _: crash()})  # was cleared, and is forgotten
    assert CommandState.ESTOP not in after.states


def test_a_fault_outlives_a_crash_in_the_period_that_finds_it(folder: Path) -> None:
    def lose_the_bus_and_crash(trial: LoopTrial) -> None:
        trial.arm.gone = True
        trial.arm.open = crash  # pyright: ignore[reportAttributeAccessIssue]

    before = crashed(folder, {1500: lose_the_bus_and_crash})
    assert before.states[-1] is not CommandState.FAULT  # nobody heard of it
    trial = LoopTrial(folder)
    trial.each = following(trial)
    trial.plan = {100: trial.order(Order.STATUS), 200: stop}
    trial.run()
    trial.close()
    assert set(trial.states) == {CommandState.ESTOP}
    assert trial.answers[0].text == "stopped before it was started again: FAULT: memory: gone"


def test_an_ordered_end_leaves_nothing_latched(folder: Path) -> None:
    trial = LoopTrial(folder)
    trial.plan = {100: trial.order(Order.ESTOP, "the cat"), 200: stop}
    trial.run()
    trial.close()
    assert trial.states[-1] is CommandState.ESTOP
    after = crashed(folder, {200: lambda _: crash()})
    assert CommandState.ESTOP not in after.states
    assert CommandState.FOLLOWING in after.states


def test_a_stop_pressed_while_the_bus_is_waited_for_is_the_reason_from_then_on(folder: Path) -> None:
    crashed(folder, {300: estop, 400: lambda _: crash()})
    (folder / "pipe").unlink(missing_ok=True)
    trial = LoopTrial(folder, estop_pipe=str(folder / "pipe"))
    trial.each = following(trial)
    (folder / "pipe").write_bytes(b"!")
    trial.plan = {100: trial.order(Order.STATUS), 200: stop}
    trial.run()
    trial.close()
    assert set(trial.states) == {CommandState.ESTOP}
    assert str(folder / "pipe") in trial.answers[0].text


def test_a_latch_that_cannot_be_had_is_said_and_nothing_else(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "operator_socket.latch.new").mkdir()
    trial = LoopTrial(folder)
    trial.each = following(trial)
    trial.plan = {200: trial.order(Order.ESTOP, "the cat"), 300: stop}
    trial.run()
    trial.close()
    assert trial.states[-1] is CommandState.ESTOP
    assert capfd.readouterr().err.count("will be forgotten should this process die") == 1
