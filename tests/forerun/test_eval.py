"""forerun eval: what it plays by default, what it refuses before it plays, its table and its file."""

import csv
from pathlib import Path

import pytest

from forerun.__main__ import main
from forerun.defaults import TASKS

SHORT = ("--seeds", "1", "--workers", "1", "--time-limit", "0.05")


def test_a_policy_is_asked_for_what_it_has_learnt(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "episodes.csv"
    assert main(["eval", *SHORT, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "so101-small" in printed
    with out.open(newline="") as text:
        assert [row["task"] for row in csv.DictReader(text)] == ["reach", "push", "press", "lift"]


def test_the_expert_plays_every_task_under_every_shift(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "episodes.csv"
    assert main(["eval", "--expert", *SHORT, "--shift", "none", "pushed", "none", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    with out.open(newline="") as text:
        rows = [(row["shift"], row["task"], row["success"]) for row in csv.DictReader(text)]
    assert rows == [(shift, task, "0") for shift in ("none", "pushed") for task in TASKS]
    assert "pushed" in printed
    assert "0/5" in printed


@pytest.mark.parametrize("command", ["eval", "demo"])
def test_a_task_that_was_not_learnt_is_one_line_and_status_2(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command, "--tasks", "reach", "choose"]) == 2
    told = capsys.readouterr()
    assert told.err == f"forerun {command}: so101-small has not learnt choose, only reach, push, press, lift\n"
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_shift_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["eval", "--shift", "earthquake"])
    assert ended.value.code == 2
    assert "'earthquake'" in capsys.readouterr().err


def test_help_tells_of_shifts_and_of_the_other_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["eval", "--help"])
    printed = capsys.readouterr().out
    assert "forerun eval metaworld" in printed
    assert "none, camera, looks, clutter, pushed" in printed
