"""The command loop in this process, on an arm in memory: who may stop and clear it, and that it sets nothing aside while it runs."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bench.stage_rig import POSE, ROBOT, measured
from interfaces.command_report import CommandReport
from interfaces.device_facts import MotorIdentity
from interfaces.errors import DeviceLostError, RefusedError
from interfaces.messages import ActionChunk, CommandState, JointState, JointVector
from interfaces.operator_wire import OperatorAnswer, OperatorOrder, Order
from interfaces.robot_config import RobotConfig
from runtime.command.cycle_feed import CycleFeed
from runtime.command.guarded_arm import GuardedArm
from runtime.command.loop import CommandLoop
from runtime.flight.feed import FlightFeed
from runtime.link import CommandListener, PolicyLink
from runtime.operator_link import OperatorAsker

PERIODS_MAX = 20_000


class ArmInMemory:
    """Stands wherever it was sent; after every exchange `then` is called with their number."""

    def __init__(self, then: Callable[[int], None]) -> None:
        self._then = then
        self._joints = measured(POSE)
        self.exchanges = 0
        self.gone = False

    def open(self) -> JointState:
        if self.gone:
            raise DeviceLostError("memory: gone")
        return self.read()

    def identity(self) -> tuple[MotorIdentity, ...]:
        return ()

    def torque(self) -> tuple[bool, ...]:
        return ()

    def hold(self) -> JointState:
        return self.read()

    def exchange(self, position_rad: JointVector) -> JointState:
        self.exchanges += 1
        self._joints = replace(self._joints, position_rad=position_rad)
        self._then(self.exchanges)
        if self.gone:
            raise DeviceLostError("memory: gone")
        return self.read()

    def read(self) -> JointState:
        self._joints = replace(self._joints, t_measured_ns=time.monotonic_ns())
        return self._joints

    def release(self) -> None:
        pass

    def close(self) -> None:
        pass


class LoopTrial:
    """A loop at 1 kHz in a folder of its own, and both that talk to it, all in this thread: each acts after an exchange."""

    def __init__(self, folder: Path, *, dry_run: bool = False, **runtime: object) -> None:
        names = {key: str(folder / key) for key in ("command_socket", "operator_socket")}
        self.config: RobotConfig = replace(
            ROBOT,
            arm=replace(ROBOT.arm, rate_hz=1000.0),
            runtime=replace(ROBOT.runtime, **{**names, **runtime}),
        )
        self.plan: dict[int, Callable[[], None]] = {}
        self.each: Callable[[int], None] | None = None
        self.arm = ArmInMemory(self._act)
        self._listener = CommandListener(Path(self.config.runtime.command_socket))
        feed = CycleFeed(FlightFeed(folder / "nobody"), len(self.config.arm.joints))
        self.loop = CommandLoop(self.config, GuardedArm(self.arm, 3), self._listener, feed, dry_run=dry_run)
        self.policy = PolicyLink(Path(self.config.runtime.command_socket))
        self.operator = OperatorAsker(Path(self.config.runtime.operator_socket))
        self.answers: list[OperatorAnswer] = []
        self.states: list[CommandState] = []
        self._sequence = 0

    def run(self) -> None:
        self.loop.run()

    def close(self) -> None:
        self.policy.close()
        self.operator.close()
        self.loop.close()

    def propose(self, offset_rad: float = 0.2) -> None:
        self._sequence += 1
        t_ns = time.monotonic_ns()
        self.policy.send_chunk(
            ActionChunk(
                sequence=self._sequence,
                t_capture_ns=t_ns - 1000,
                t_state_ns=t_ns,
                t_first_ns=t_ns,
                step_ns=50_000_000,
                foresight_age_ns=1000,
                position_rad=(POSE + offset_rad)[None].repeat(16, axis=0),
            )
        )

    def order(self, order: Order, why: str = "") -> Callable[[], None]:
        return lambda: self.operator.send(OperatorOrder(order=order, why=why))

    def _act(self, exchanges: int) -> None:
        if exchanges in self.plan:
            self.plan[exchanges]()
        if self.each is not None:
            self.each(exchanges)
        status = self.policy.wait_status(0.0)
        if status is not None:
            self.states.append(status.state)
        answer = self.operator.receive(0.0)
        if answer is not None:
            self.answers.append(answer)
        if exchanges >= PERIODS_MAX:
            stop()


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder with a name short enough for sockets; signal handlers are put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with tempfile.TemporaryDirectory(prefix="forerun") as name:
        yield Path(name)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def trial(folder: Path) -> Iterator[LoopTrial]:
    """Return a loop that has not begun."""
    made = LoopTrial(folder)
    yield made
    made.close()


def following(trial: LoopTrial) -> Callable[[int], None]:
    def each(exchanges: int) -> None:
        if exchanges % 20 == 0:
            trial.propose()

    return each


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
