"""The table of processes: who is started again, whose end is the end of all, and in which order they end, by a clock of our own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.run_rig import wait_until
from runtime.child_process import ProcessPlan
from runtime.supervisor import Supervisor

S = 1_000_000_000
STAY = "import signal, sys, time; signal.signal(15, lambda *_: (print('leaving'), sys.exit(0))); print('up'); time.sleep(60)"
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(60)"


def plan(
    name: str, code: str = STAY, *, essential: bool = True, restarts_max: int | None = 0, stop_s: float = 60.0
) -> ProcessPlan:
    command = (sys.executable, "-I", "-u", "-c", code)
    return ProcessPlan(name=name, command=command, essential=essential, restarts_max=restarts_max, stop_s=stop_s)


class Table:
    """A supervisor, what it said, and its clock."""

    def __init__(self, folder: Path, *plans: ProcessPlan) -> None:
        self.said: list[str] = []
        self.t_now_ns = 0
        self.supervisor = Supervisor(plans, folder, self.said.append)
        self.supervisor.start(self.t_now_ns)

    def until(self, condition: Callable[[], bool]) -> None:
        def turn() -> bool:
            self.supervisor.turn(self.t_now_ns)
            return condition()

        wait_until(turn, lambda: f"waited in vain: {self.said}")

    def until_said(self, words: str, times: int = 1) -> None:
        self.until(lambda: sum(words in line for line in self.said) >= times)

    def end(self) -> None:
        self.supervisor.ask_to_stop("the test is over")
        t_end_ns = time.monotonic_ns() + 60 * S
        while not self.supervisor.finished and time.monotonic_ns() < t_end_ns:
            self.t_now_ns += S
            self.supervisor.turn(self.t_now_ns)
            time.sleep(0.01)


Make = Callable[..., Table]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Starts tables of processes, and ends them."""
    made: list[Table] = []

    def make_one(*plans: ProcessPlan) -> Table:
        made.append(Table(tmp_path, *plans))
        return made[-1]

    yield make_one
    for table in made:
        table.end()


def test_they_end_in_the_reverse_order_each_after_the_one_before(make: Make) -> None:
    table = make(plan("first"), plan("second"), plan("third"))
    for name in ("first", "second", "third"):
        table.until_said(f"{name}: up")
    table.supervisor.ask_to_stop("enough")
    table.until(lambda: table.supervisor.finished)
    assert [line for line in table.said if "up" not in line] == [
        "run: enough: ending the processes", "third: leaving", "second: leaving", "first: leaving",
    ]  # fmt: skip
    assert table.supervisor.status == 0
    assert table.supervisor.filenos == []


def test_one_that_dies_is_started_again_when_its_time_has_come_and_not_before(make: Make) -> None:
    table = make(plan("policy", "import sys; print('up'); sys.exit(1)", restarts_max=None))
    table.until_said("run: the policy process ended with status 1; it starts again in 0.5 s")
    table.t_now_ns = S // 2 - 1
    for _ in range(20):
        table.supervisor.turn(table.t_now_ns)
    assert table.supervisor.pid("policy") is None
    table.t_now_ns = S // 2
    table.until_said("run: the policy process ended with status 1; it starts again in 1 s")
    assert table.said.count("policy: up") == 2
    assert not table.supervisor.stopping


def test_an_essential_one_that_is_not_started_again_ends_all_and_its_last_line_is_told(make: Make) -> None:
    table = make(plan("recorder", essential=False), plan("command", "print('the bus melts'); import sys; sys.exit(7)"))
    table.until(lambda: table.supervisor.finished)
    assert 'run: the command process ended with status 7; its last line: "the bus melts"' in table.said
    assert "run: without the command process: ending the processes" in table.said
    assert table.supervisor.status == 1


def test_one_that_ends_well_without_being_asked_is_missed_all_the_same(make: Make) -> None:
    table = make(plan("command", "print('done')"))
    table.until(lambda: table.supervisor.finished)
    assert table.supervisor.status == 1


def test_one_that_refuses_what_it_was_given_is_not_started_again(make: Make) -> None:
    table = make(plan("policy", "import sys; sys.exit(2)", restarts_max=None))
    table.until(lambda: table.supervisor.finished)
    assert table.supervisor.status == 2


def test_one_that_is_not_essential_is_left_after_some_attempts(make: Make) -> None:
    table = make(plan("command"), plan("recorder", "import sys; sys.exit(1)", essential=False, restarts_max=2))
    for seconds in ("0.5", "1"):
        table.until_said(f"it starts again in {seconds} s")
        table.t_now_ns += S
    table.until_said("run: the recorder process ended with status 1, and is left at that")
    assert not table.supervisor.stopping
    assert table.supervisor.pid("command") is not None


def test_one_that_does_not_end_is_killed_when_its_time_is_over(make: Make) -> None:
    table = make(plan("command"), plan("policy", DEAF, stop_s=3.0))
    table.until_said("policy: up")
    table.until_said("command: up")
    table.supervisor.ask_to_stop("enough")
    table.supervisor.turn(table.t_now_ns)
    table.t_now_ns += 3 * S
    for _ in range(20):
        table.supervisor.turn(table.t_now_ns)
    assert table.supervisor.pid("policy") is not None
    assert "command: leaving" not in table.said  # it has to wait for it
    table.t_now_ns += 1
    table.until(lambda: table.supervisor.finished)
    assert "run: the policy process did not end within 3 s: killed" in table.said
    assert table.said[-1] == "command: leaving"
    assert table.supervisor.status == 1


def test_a_restart_that_was_due_is_not_made_while_all_ends(make: Make) -> None:
    table = make(plan("command", DEAF), plan("policy", "import sys; sys.exit(1)", restarts_max=None))
    table.until_said("it starts again")
    table.supervisor.ask_to_stop("enough")
    table.t_now_ns += 10 * S
    for _ in range(20):
        table.supervisor.turn(table.t_now_ns)
    assert table.supervisor.pid("policy") is None
