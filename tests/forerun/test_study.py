"""forerun study as a person uses it: from a finished run to a table and a picture; what is done is not done again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.study.trials import read_trials
from forerun.__main__ import main

if TYPE_CHECKING:
    from distill.svam.arms.study import StudyRecipe
    from distill.svam.recipe import SvamRecipe

pytest.importorskip("torch")
STUDY = Path(__file__).parents[2] / "distill/recipes/so101_study_smoke.toml"


def test_a_folder_that_is_no_finished_run_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", str(STUDY), "--run", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err.strip()
    assert len(told.splitlines()) == 1
    assert "video.pt: file is missing; expected a finished run of `forerun distill`" in told
    assert not (tmp_path / "out").exists()


def test_an_arm_that_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["study", str(STUDY), "--run", str(tmp_path), "--out", str(tmp_path / "out"), "--arms", "magic"]
    assert main(asked) == 2
    assert "so101-study-smoke has no arm magic; expected some of svam, raw" in capsys.readouterr().err


@pytest.mark.slow
def test_a_study_leaves_a_table_and_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.distill.svam.arms.random_run import random_run, tiny_study

    run = random_run(tmp_path).folder

    def load(_path: Path) -> tuple[StudyRecipe, SvamRecipe]:
        return tiny_study()

    monkeypatch.setattr("distill.svam.arms.study.load_study", load)
    asked = ["study", str(STUDY), "--run", str(run), "--out", str(tmp_path / "out"), "--workers", "1"]
    assert main([*asked, "--arms", "svam"]) == 0
    assert "expert ..." in capsys.readouterr().out
    assert main([*asked, "--arms", "svam", "svam-shuffled"]) == 0
    out = capsys.readouterr().out
    assert "expert ..." not in out
    assert out.count("trials in lockstep ...") == 1  # of the control alone
    trials = read_trials(tmp_path / "out/results.csv")
    assert [(trial.arm, trial.task) for trial in trials] == [
        ("svam", "reach"), ("svam", "push"), ("svam-shuffled", "reach"), ("svam-shuffled", "push"),
    ]  # fmt: skip
    page = (tmp_path / "out/results.md").read_text(encoding="utf-8")
    for part in ("| svam |", "| svam-shuffled |", "- command: `forerun ", "sha256", "demonstrations a task: 1"):
        assert part in page
    assert (tmp_path / "out/results.png").stat().st_size > 1000
