"""forerun study as a person uses it: from a finished run to a table and a picture; what is done is not done again."""

from __future__ import annotations

from dataclasses import replace
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
ONE_STEP = STUDY.with_name("so101_one_step.toml")


def test_a_folder_that_is_no_finished_run_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", str(STUDY), "--run", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err.strip()
    assert len(told.splitlines()) == 1
    assert "latents.npy: file is missing; expected a finished run of `forerun distill`" in told
    assert not (tmp_path / "out").exists()


def test_an_arm_that_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["study", str(STUDY), "--run", str(tmp_path), "--out", str(tmp_path / "out"), "--arms", "magic"]
    assert main(asked) == 2
    assert "so101-study-smoke has no arm magic; expected some of svam, raw" in capsys.readouterr().err


def test_a_study_says_how_long_it_will_take_and_fewer_arms_take_less(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["study", str(ONE_STEP), "--run", str(tmp_path), "--out", str(tmp_path / "out"), "--estimate"]
    assert main(asked) == 0  # before there is a run
    whole = capsys.readouterr().out
    assert main([*asked, "--arms", "h16-*", "--training-seeds", "0"]) == 0
    part = capsys.readouterr().out
    assert whole.startswith("180 policies, 0 of them tried already; to be done:")
    assert part.startswith("20 policies, 0 of them tried already; to be done:")
    assert hours(whole) > 8 * hours(part) > 0
    assert not (tmp_path / "out").exists()


def hours(told: str) -> float:
    """Return what a command says that all of it takes."""
    (line,) = (line for line in told.splitlines() if "together" in line)
    words = line.split()
    return int(words[1]) + int(words[3]) / 60


@pytest.mark.slow
def test_a_grid_leaves_a_heat_map_and_its_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distill.svam.arms.study import DrawsRecipe, load_study
    from tests.distill.svam.arms.random_run import random_run, tiny_study

    run, (tiny, recipe) = random_run(tmp_path).folder, tiny_study()
    grid = load_study(ONE_STEP.with_name("so101_one_step_smoke.toml"))[0].grid
    assert grid is not None
    draws = DrawsRecipe(pictures=1, noises=2, scenes=1, first_seed=60_000)
    study = replace(tiny, arms=(), grid=replace(grid, several_ways=("push",)), draws=draws)

    def load(_path: Path) -> tuple[StudyRecipe, SvamRecipe]:
        return study, recipe

    monkeypatch.setattr("distill.svam.arms.study.load_study", load)
    out = tmp_path / "out"
    asked = ["study", str(ONE_STEP), "--run", str(run), "--out", str(out), "--workers", "1", "--arms", "h8-mean-flow*"]
    assert main(asked) == 0
    assert {trial.arm for trial in read_trials(out / "results.csv")} == {"h8-mean-flow", "h8-mean-flow-2-steps"}
    assert (out / "heat-map.png").stat().st_size > 1000
    assert len((out / "draws.csv").read_text(encoding="utf-8").splitlines()) == 3
    page = (out / "results.md").read_text(encoding="utf-8")
    assert page.count("| h8-mean-flow-2-steps |") == 3  # success, spread of training seeds, draws


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
