"""A plugin of pytest for machines within machines: a test that failed is run again, a few times, and that is said.

A machine that shares its processors answers late, by milliseconds always and by tenths of a second now and then, and the drivers'
deadlines are shorter. What fails for another reason fails every time.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol

ATTEMPTS = 8
_repeated: list[str] = []


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test, again where it failed."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports: list[pytest.TestReport] = []
    for attempt in range(ATTEMPTS):
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        failed = [report for report in reports if report.failed]
        if not failed or attempt == ATTEMPTS - 1:
            break
        _repeated.append(f"{item.name}: {failed[0].longreprtext.strip().splitlines()[-1]}")
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was run again, and where it had failed."""
    for line in _repeated:
        terminalreporter.write_line(f"run again: {line}")
