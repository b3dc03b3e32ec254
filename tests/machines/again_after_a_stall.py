"""A plugin of pytest for machines within machines: a test that failed while the machine stood still is run again.

A machine that shares its processors stands still for tenths of a second now and then, and the drivers' deadlines are shorter:
an answer that came in time is then found too late. What fails for another reason fails every time.
"""

from __future__ import annotations

import threading
import time

import pytest
from _pytest.runner import runtestprotocol

ATTEMPTS = 6
TICK_S = 0.005
STALL_NS = 25_000_000  # the shortest deadline that the drivers have in the trials, about


class StallWatch:
    """How long the machine stood still at most, since it was last asked: a thread that wants to run every few ms."""

    def __init__(self) -> None:
        self._longest_ns = 0
        self._thread = threading.Thread(target=self._watch, name="stall watch", daemon=True)
        self._thread.start()

    def take_longest_ns(self) -> int:
        """Return it, and begin anew."""
        longest_ns, self._longest_ns = self._longest_ns, 0
        return longest_ns

    def _watch(self) -> None:
        t_last_ns = time.monotonic_ns()
        while True:
            time.sleep(TICK_S)
            t_now_ns = time.monotonic_ns()
            self._longest_ns = max(self._longest_ns, t_now_ns - t_last_ns)
            t_last_ns = t_now_ns


_watch = StallWatch()
_repeated: list[str] = []


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test, again where it failed and the machine stood still meanwhile."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports: list[pytest.TestReport] = []
    for attempt in range(ATTEMPTS):
        _watch.take_longest_ns()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        stall_ns = _watch.take_longest_ns()
        if not any(report.failed for report in reports) or stall_ns < STALL_NS or attempt == ATTEMPTS - 1:
            break
        _repeated.append(f"{item.name}: the machine stood still for {stall_ns * 1e-6:.0f} ms")
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was run again."""
    for line in _repeated:
        terminalreporter.write_line(f"run again: {line}")
