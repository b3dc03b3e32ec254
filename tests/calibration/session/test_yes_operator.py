"""Nobody is asked; what goes on is told, a line at a time."""

from __future__ import annotations

import pytest

from calibration.session.clock import MonotonicClock
from calibration.session.yes_operator import YesOperator


def test_a_log_tells_what_begins_and_each_quarter_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    operator = YesOperator(MonotonicClock(), "Ann")
    for percent in range(101):
        operator.progress("elbow", percent / 100)
    assert capsys.readouterr().out.split("\n") == [
        "elbow   0%",
        "elbow  25%",
        "elbow  50%",
        "elbow  75%",
        "elbow 100%",
        "",
    ]
