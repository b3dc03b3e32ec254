"""What a person sees: asked of processes that are not there, are there, hang, and go; and the line it makes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.run_rig import wait_until
from interfaces.messages import CommandState
from interfaces.operator_wire import OperatorAnswer, OperatorOrder, Order
from interfaces.request_socket import JsonObject, RequestServer
from runtime.operator_link import OperatorListener
from runtime.robot_watch import RobotView, RobotWatch, view_line

S = 1_000_000_000
STATUS: JsonObject = {
    "instruction": "push",
    "camera": {"rate_hz": 29.8},
    "foresight": {"rate_hz": 15.0},
    "action": {"rate_hz": 30.4},
    "foresight_age": {"newest_ms": 68.4},
    "instructions": ["push", "rest"],
}
FOLLOWING = OperatorAnswer(done=True, state=CommandState.FOLLOWING, text="chunk 7")


@pytest.fixture
def watch(folder: Path) -> Iterator[RobotWatch]:
    """Return a watch."""
    with closing(RobotWatch(folder / "operator.sock", folder / "control.sock")) as made:
        yield made


def turn_until(watch: RobotWatch, seen: str, listener: OperatorListener | None = None) -> None:
    """Turn, with a command process that answers, until the line holds `seen`."""

    def turn() -> bool:
        if listener is not None and listener.receive() is not None:
            listener.answer(FOLLOWING)
        t_now_ns = time.monotonic_ns()
        watch.turn(t_now_ns)
        return seen in view_line(watch.view, t_now_ns, dry_run=False)

    wait_until(turn, lambda: f"never {seen!r}: {watch.view}")


def test_before_anything_is_there(watch: RobotWatch) -> None:
    turn_until(watch, "the command process is not there yet | no policy")
    assert not watch.order(OperatorOrder(order=Order.ESTOP))
    assert not watch.follow("push", 0)


def test_both_are_found_when_they_come_and_missed_when_they_go(folder: Path, watch: RobotWatch) -> None:
    asked: list[JsonObject] = []

    def answer(request: JsonObject) -> JsonObject:
        asked.append(request)
        return STATUS

    watch.turn(time.monotonic_ns())
    for _ in range(2):
        with closing(OperatorListener(folder / "operator.sock")) as listener:
            with closing(RequestServer(folder / "control.sock", answer)) as server:
                server.start()
                turn_until(
                    watch, "FOLLOWING: chunk 7 | push | camera 30, foresight 15, action 30 Hz | 68 ms old", listener
                )
                watch.follow("rest", time.monotonic_ns())
                wait_until(lambda: {"follow": "rest"} in asked, lambda: f"asked only {asked}")
            turn_until(watch, "FOLLOWING: chunk 7 | no policy", listener)
            asked.clear()
        turn_until(watch, "THE COMMAND PROCESS HAS NOT ANSWERED FOR")


def test_an_order_is_passed_on_at_once_and_its_answer_returned(folder: Path, watch: RobotWatch) -> None:
    with closing(OperatorListener(folder / "operator.sock")) as listener:
        assert watch.order(OperatorOrder(order=Order.ESTOP, why="space"))
        assert listener.receive() == OperatorOrder(order=Order.ESTOP, why="space")
        refused = OperatorAnswer(done=False, state=CommandState.FAULT, text="pressed")
        listener.answer(refused)
        assert watch.turn(time.monotonic_ns()) == [refused]
    assert watch.view.answer == refused


def test_a_policy_that_hangs_does_not_hold_us_up_and_is_left(folder: Path, watch: RobotWatch) -> None:
    with closing(
        RequestServer(folder / "control.sock", lambda _: STATUS)
    ):  # not started: it listens, and never answers
        watch.turn(S)
        watch.view.policy = STATUS
        watch.turn(S + 2 * S)
        assert watch.view.policy == STATUS
        watch.turn(S + 2 * S + 1)
        assert watch.view.policy == {}


def test_a_policy_that_refuses_is_no_status(folder: Path, watch: RobotWatch) -> None:
    with closing(RequestServer(folder / "control.sock", lambda _: {"error": "no"})) as server:
        server.start()
        assert watch.follow("dance", time.monotonic_ns())
        t_end_ns = time.monotonic_ns() + S // 2
        while time.monotonic_ns() < t_end_ns:
            watch.turn(time.monotonic_ns())
        assert watch.view.policy == {}


def test_the_line_says_what_a_person_can_do_and_that_nothing_is_sent() -> None:
    view = RobotView(answer=OperatorAnswer(done=True, state=CommandState.ESTOP, text="the cat"), t_answer_ns=S)
    assert view_line(view, S, dry_run=True) == "DRY RUN | ESTOP: the cat; c clears | no policy"
    view.answer = OperatorAnswer(done=True, state=CommandState.READY, text="")
    assert view_line(view, S, dry_run=False) == "READY | no policy"


def test_what_the_policy_does_not_know_yet_is_a_dash() -> None:
    empty: JsonObject = {
        **STATUS, "instruction": None, "camera": {"rate_hz": None}, "foresight_age": {"newest_ms": None},
    }  # fmt: skip
    view = RobotView(answer=FOLLOWING, t_answer_ns=S, policy=empty)
    assert view_line(view, S, dry_run=False).endswith(
        "| follows nothing | camera -, foresight 15, action 30 Hz | - ms old"
    )


def test_what_stops_the_policy_stays_in_the_line() -> None:
    stopped: JsonObject = {**STATUS, "faults": {"view front": "the camera was moved"}}
    view = RobotView(answer=FOLLOWING, t_answer_ns=S, policy=stopped)
    assert "| FAULT: view front | push |" in view_line(view, S, dry_run=False)
