"""docs/robot/operation.md says what is so: it names every metric, every first word of a verdict, every path of the page."""

from __future__ import annotations

import re
from pathlib import Path

from bench.status_rig import arm, status, units
from runtime.page.metrics import RobotCollector
from runtime.status.robot_status import FaultStatus

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/robot/operation.md").read_text(encoding="utf-8")


def test_its_metrics_are_those_that_are_told() -> None:
    seen = status(units=units(), arm=arm(last_fault=FaultStatus(why="hot", ago_s=1.0)))
    told = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in RobotCollector(lambda: seen).collect()
    }
    joints = {name for name in told if name.startswith("forerun_joint_")}
    for name in joints:
        assert name.removeprefix("forerun_joint") in PAGE
    written = set(re.findall(r"`(forerun_\w+)", PAGE.partition("## Metrics")[2]))
    assert told - joints <= written
    assert written <= told


def test_its_states_and_paths_are_those_of_the_code() -> None:
    verdict = (ROOT / "runtime/status/verdict.py").read_text(encoding="utf-8")
    words = {"FOLLOWING", "HOLDING", "FAULT", "ESTOP", *re.findall(r'"([A-Z]{2,}(?: [A-Z]+)+|[A-Z]{5,})"', verdict)}
    words -= {"BOOT"}
    assert len(words) > 8
    for word in words:
        assert f"| {word}" in PAGE, word
    answers = (ROOT / "runtime/page/answers.py").read_text(encoding="utf-8")
    for path in re.findall(r'case "(/[\w.]*)"', answers):
        assert f"`{path}" in PAGE, path


def test_its_picture_is_there() -> None:
    for picture in re.findall(r"\]\(\.\./(pictures/[\w.-]+)\)", PAGE):
        assert (ROOT / "docs" / picture).stat().st_size > 10_000
