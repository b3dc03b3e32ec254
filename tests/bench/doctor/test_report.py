"""The table says everything once, and programs get the same."""

from __future__ import annotations

import json
import math
from pathlib import Path

from bench.doctor.check import Check, Verdict, unreadable
from bench.doctor.report import conclusion, table, write_json

GOOD = Check(name="clock", value="tsc", limit="tsc", verdict=Verdict.GOOD, remedy="none needed", figures={"x_ms": 1.5})
WEAK = Check(
    name="kernel",
    value="6.1",
    limit="PREEMPT_RT",
    verdict=Verdict.WEAK,
    remedy="install it",
    figures={"y_ms": math.nan},
)
BAD = Check(name="bus", value="9 ms", limit="5 ms", verdict=Verdict.BAD, remedy="a lower rate")


def test_the_table_has_a_line_a_check_and_a_remedy_only_where_one_is_needed() -> None:
    lines = table("a robot", [GOOD, unreadable("temperature", "85 degC"), WEAK, BAD]).splitlines()
    assert lines[0] == "a robot"
    assert [line.split()[:2] for line in lines[1:4]] == [["good", "clock"], ["-", "temperature"], ["weak", "kernel"]]
    assert lines[4].strip() == "limit: PREEMPT_RT; install it"
    assert lines[5].split()[:2] == ["BAD", "bus"]
    assert "none needed" not in "\n".join(lines)
    assert len(lines) == 7


def test_the_conclusion_is_that_of_the_worst() -> None:
    assert conclusion([GOOD]).startswith("verdict: fit (0 bad, 0 weak, 1 good")
    assert conclusion([GOOD, WEAK]).startswith("verdict: fit, with weak spots (0 bad, 1 weak")
    assert conclusion([GOOD, WEAK, BAD]).startswith("verdict: not fit (1 bad")
    assert conclusion([unreadable("a", "b")]).startswith("verdict: fit (0 bad, 0 weak, 0 good, 1 not readable")


def test_programs_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    write_json(path, "a robot", [GOOD, WEAK, BAD])
    findings = json.loads(path.read_text())
    assert (findings["title"], findings["verdict"]) == ("a robot", "bad")
    assert findings["checks"][0] == {
        "name": "clock", "verdict": "good", "value": "tsc", "limit": "tsc", "remedy": "", "figures": {"x_ms": 1.5},
    }  # fmt: skip
    assert findings["checks"][1]["figures"] == {"y_ms": None}
    assert findings["checks"][2]["remedy"] == "a lower rate"
    assert [each.name for each in tmp_path.iterdir()] == ["findings.json"]
