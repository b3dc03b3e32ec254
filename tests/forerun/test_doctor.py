"""`forerun doctor` as a person calls it: a table, a verdict, an exit status that agrees with it, and the same for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forerun.__main__ import main

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"


@pytest.mark.parametrize(
    ("options", "name"), [([], "clock source"), (["--loop", "--seconds", "1"], "period error")], ids=["machine", "loop"]
)
def test_the_exit_status_agrees_with_the_verdict(
    options: list[str], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "findings.json"
    status = main(["doctor", str(ROBOT_FILE), *options, "--json", str(path)])
    printed = capsys.readouterr().out.splitlines()
    findings = json.loads(path.read_text())
    assert status == (1 if findings["verdict"] == "bad" else 0)
    assert any(name in line for line in printed)
    assert printed[0] == findings["title"]
    assert printed[-1].startswith("verdict: not fit" if status else "verdict: fit")


def test_a_wrong_robot_file_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    robot = tmp_path / "robot.toml"
    robot.write_text(ROBOT_FILE.read_text().replace("rate_hz = 100.0", "rate_hz = 0"))
    assert main(["doctor", str(robot), "--loop"]) == 2
    assert "arm.rate_hz" in capsys.readouterr().err
