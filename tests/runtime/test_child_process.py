"""One process that is looked after: what it says, how it ends, that it does not outlive us, and when it is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.run_rig import runs, wait_until
from runtime.child_process import BackOff, ChildProcess

REPOSITORY = Path(__file__).parents[2]
S = 1_000_000_000

Start = Callable[[str], ChildProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts children that run some Python."""
    started: list[ChildProcess] = []

    def start_one(code: str) -> ChildProcess:
        started.append(ChildProcess((sys.executable, "-I", "-u", "-c", code), tmp_path))
        return started[-1]

    yield start_one
    for child in started:
        child.kill()
        wait_until(lambda child=child: child.status() is not None, lambda: "a killed child runs on")
        child.close()


def lines_of(child: ChildProcess) -> list[str]:
    """Return all that a child says until it ends."""
    lines: list[str] = []

    def ended() -> bool:
        lines.extend(child.read_lines())
        return child.status() is not None

    wait_until(ended, lambda: f"it does not end: {lines}")
    return [*lines, *child.read_lines()]


def test_lines_come_whole_in_order_from_both_outputs_the_unfinished_last_one_included(start: Start) -> None:
    child = start("import sys; print('one'); print('two', file=sys.stderr); sys.stdout.write('three'); sys.exit(3)")
    assert lines_of(child) == ["one", "two", "three"]
    assert child.status() == 3


def test_a_line_in_pieces_is_one_line_and_one_without_end_is_cut(start: Start) -> None:
    pieces = "import time\nfor c in 'abc':\n print(c, end=''); time.sleep(0.05)\nprint()\nprint('x' * 10000, end='')"
    lines = lines_of(start(pieces))
    assert lines[0] == "abc"
    assert {len(line) for line in lines[1:]} <= {2000, *range(2000)}
    assert set("".join(lines[1:])) == {"x"}


def test_nothing_said_is_no_wait(start: Start) -> None:
    child = start("import time; time.sleep(60)")
    assert child.read_lines() == []
    assert child.status() is None


def test_one_that_closes_its_outputs_is_silent_and_runs_on(start: Start) -> None:
    child = start("import os, time; print('bye'); os.close(1); os.close(2); time.sleep(60)")
    lines: list[str] = []
    wait_until(lambda: lines.extend(child.read_lines()) or child.silent, lambda: "never silent")
    assert lines == ["bye"]
    assert child.status() is None


def test_it_ends_when_asked_and_its_status_tells_the_signal(start: Start) -> None:
    child = start("import time; time.sleep(60)")
    child.ask_to_end()
    wait_until(lambda: child.status() is not None, lambda: "it does not end")
    assert child.status() == -signal.SIGTERM


def test_it_leads_a_session_of_its_own(start: Start, tmp_path: Path) -> None:
    lines = lines_of(start("import os; print(os.getsid(0) == os.getpid(), os.getcwd())"))
    assert lines == [f"True {tmp_path}"]


def test_it_is_asked_to_end_when_we_are_killed() -> None:
    code = """
import sys, time
from pathlib import Path
from runtime.child_process import ChildProcess
said = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); print('ready'); time.sleep(60)"
child = ChildProcess((sys.executable, "-u", "-c", said), Path())
while not child.read_lines():
    time.sleep(0.01)
print(child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert runs(pid)
        os.kill(parent.pid, signal.SIGKILL)
    wait_until(lambda: not runs(pid), lambda: "it outlives its parent")


def test_each_restart_waits_twice_as_long_as_the_one_before_and_eight_seconds_at_most() -> None:
    back_off = BackOff(None)
    assert [back_off.pause_ns(S) for _ in range(7)] == [S // 2, S, 2 * S, 4 * S, 8 * S, 8 * S, 8 * S]
    for _ in range(1000):
        assert back_off.pause_ns(0) == 8 * S


def test_one_that_ran_for_long_begins_anew() -> None:
    back_off = BackOff(2)
    assert [back_off.pause_ns(S), back_off.pause_ns(S), back_off.pause_ns(S)] == [S // 2, S, None]
    assert back_off.pause_ns(30 * S) == S // 2


def test_one_that_may_not_be_started_again_is_not() -> None:
    assert BackOff(0).pause_ns(100 * S) is None
