"""The table says everything once, and programs get the same."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from bench.doctor.check import Check, Group, Verdict, unreadable
from bench.doctor.report import conclusion, table, write_json
from interfaces.errors import RefusedError

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


def groups(*checks: Check, left_out: str = "") -> list[Group]:
    """Return a group of these checks."""
    return [Group(name="one", title="one topic", checks=checks, left_out=left_out)]


def test_the_table_has_a_line_a_check_and_a_remedy_only_where_one_is_needed() -> None:
    lines = table("a robot", groups(GOOD, unreadable("temperature", "85 degC"), WEAK, BAD)).splitlines()
    assert lines[:3] == ["a robot", "", "one topic (one)"]
    assert [line.split()[:2] for line in lines[3:6]] == [["good", "clock"], ["-", "temperature"], ["weak", "kernel"]]
    assert lines[6].strip() == "limit: PREEMPT_RT; install it"
    assert lines[7].split()[:2] == ["BAD", "bus"]
    assert "none needed" not in "\n".join(lines)
    assert len(lines) == 9


def test_a_group_without_checks_is_one_word_among_what_is_left_out() -> None:
    there = [*groups(GOOD), *groups(left_out="no Jetson"), *groups(left_out="no service installed")]
    lines = table("a laptop", there).splitlines()
    assert lines.count("one topic (one)") == 1
    assert lines[-1] == "left out: no Jetson, no service installed"


def test_what_a_machine_says_cannot_order_a_terminal() -> None:
    nasty = Check(name="a", value="x\x1b[2Jy\nz", limit="b", verdict=Verdict.BAD, remedy="c\rd")
    text = table("a robot", groups(nasty)) + conclusion(groups(nasty))
    assert "\x1b" not in text
    assert "\r" not in text
    assert "x [2Jy z" in text


def test_the_conclusion_names_the_worst_first() -> None:
    assert conclusion(groups(GOOD)) == "verdict: fit (0 bad, 0 weak, 1 good, 0 not readable here)"
    assert conclusion(groups(GOOD, WEAK)).startswith("verdict: fit, with weak spots (0 bad, 1 weak")
    both = conclusion(groups(GOOD, WEAK, BAD))
    assert both.startswith("verdict: not fit (1 bad")
    assert both.endswith("; BAD: bus (9 ms); weak: kernel")
    assert conclusion(groups(unreadable("a", "b"))).startswith("verdict: fit (0 bad, 0 weak, 0 good, 1 not readable")
    assert conclusion(groups(*[BAD] * 6)).endswith("bus (9 ms), 2 more")


def test_programs_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    write_json(path, "a robot", [*groups(GOOD, WEAK, BAD), Group(name="two", title="", checks=(), left_out="no two")])
    findings = json.loads(path.read_text())
    assert (findings["title"], findings["verdict"], findings["format"]) == ("a robot", "bad", 2)
    assert findings["left_out"] == {"two": "no two"}
    assert findings["conclusion"].startswith("verdict: not fit")
    assert findings["checks"][0] == {
        "group": "one", "name": "clock", "verdict": "good", "value": "tsc", "limit": "tsc", "remedy": "",
        "figures": {"x_ms": 1.5},
    }  # fmt: skip
    assert findings["checks"][1]["figures"] == {"y_ms": None}
    assert findings["checks"][2]["remedy"] == "a lower rate"
    assert [each.name for each in tmp_path.iterdir()] == ["findings.json"]


def test_where_it_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=re.escape(f"{tmp_path}/no/findings.json: cannot be written")):
        write_json(tmp_path / "no/findings.json", "a robot", [])
