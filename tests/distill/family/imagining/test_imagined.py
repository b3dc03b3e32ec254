"""`forerun imagine`: a policy that is right scores as one, figures are those of what was said, and what cannot be compared is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from distill.family.imagining.imagined import ImaginePlan, imagine
from distill.family.imagining.measured import measure
from distill.family.imagining.scenes import Scene, Witness, together
from forerun.__main__ import main
from interfaces.errors import ConfigError, RefusedError
from interfaces.progress import silent
from models.families import save_policy
from models.svam.picture_autoencoder import psnr_db
from models.uva.policy import Drawing, Plan, UvaPolicy
from tests.distill.family.imagining.fake_episodes import FakeRecorder, tiny_policy


@pytest.fixture(autouse=True)
def _recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    fake = FakeRecorder()
    monkeypatch.setattr("distill.family.imagining.scenes.open_recorder", lambda *_told: fake)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    save_policy(tiny_policy(), tmp_path / "policy.pt")
    return tmp_path


def plan(run: Path, **changes: object) -> ImaginePlan:
    chosen = ImaginePlan(run=run, out=run / "out", tasks=(), first_seed=0, n_seeds=2, drawing=Drawing())
    return replace(chosen, **changes)


def told_all(_title: str) -> Callable[[int, int, str], None]:
    return silent


def some_scenes(policy: UvaPolicy) -> list[Scene]:
    witness = Witness(policy)
    return [scene for seed in (0, 1) for scene in witness.scenes("reach", seed)]


def test_a_policy_that_is_right_scores_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows the truth by its actions: with another episode's it says that one's future, and reads that one's actions."""
    policy = tiny_policy()
    scenes = some_scenes(policy)
    truth = together(scenes)

    def nearest(kept: Tensor, told: Tensor) -> Tensor:
        return (kept[None] - told[:, None]).flatten(2).abs().amax(2).argmin(1)

    def imagined(_frames: Tensor, task: Tensor, plan: Plan | None, _drawing: Drawing) -> Tensor:
        if plan is None:
            return torch.zeros(len(task), *truth.future.shape[1:])
        return truth.future[nearest(truth.target_rad, plan.target_rad)]

    def read(future: Tensor, *_told: Tensor) -> Tensor:
        return truth.target_rad[nearest(truth.future, future)]

    def pictures(latents: Tensor) -> Tensor:
        return torch.stack([scene.future for scene in scenes])[nearest(truth.future, latents)]

    monkeypatch.setattr(policy, "imagine", imagined)
    monkeypatch.setattr(policy, "pictures", pictures)  # an autoencoder that loses nothing
    monkeypatch.setattr(policy, "actions_of", read)
    found = measure(policy, scenes, Drawing(), silent)
    np.testing.assert_allclose(found.given_db, np.full((len(scenes), 2), 60.0))
    np.testing.assert_allclose(found.best_db, found.given_db)
    assert found.other_db.max() < 30.0
    np.testing.assert_allclose(found.read_mrad, 0.0)
    # Targets are 1 rad further than the joints, and the rows, 50 ms apart, are 5, 10, 15 and 20 mrad further still.
    np.testing.assert_allclose(found.still_mrad, 1000.0 * (1.0 + 0.001 * (5 + 10 + 15 + 20) / 4), rtol=1e-3)
    assert found.other_read_mrad.min() > 50.0  # the other episode's are 0.7 rad away


def test_figures_are_of_what_the_policy_says() -> None:
    policy = tiny_policy()
    scenes = some_scenes(policy)[:3] + some_scenes(policy)[-3:]
    found = measure(policy, scenes, Drawing(n_rounds=2, n_steps=2), silent)
    moment = together(scenes)
    said = policy.imagine(
        moment.frames,
        moment.task,
        Plan(target_rad=moment.target_rad, age_s=moment.age_s),
        Drawing(n_rounds=2, n_steps=2),
    )
    pictures = policy.pictures(said).clamp(-1.0, 1.0)
    near = [psnr_db(one, scene.future).numpy() for one, scene in zip(pictures, scenes, strict=True)]
    np.testing.assert_allclose(found.given_db, np.minimum(near, 60.0), rtol=1e-4)
    still = [psnr_db(scene.now.expand_as(scene.future), scene.future).numpy() for scene in scenes]
    np.testing.assert_allclose(found.still_db, np.minimum(still, 60.0), rtol=1e-4)
    assert (found.given_db != found.other_db).all()
    assert (found.read_mrad != found.other_read_mrad).all()


def test_a_picture_of_each_task_and_all_figures_are_written(run: Path) -> None:
    told = imagine(plan(run), told_all)
    assert [one.task for one in told] == ["reach", "push", "all"]
    assert told[-1].n_moments == told[0].n_moments + told[1].n_moments
    written = json.loads((run / "out" / "imagined.json").read_text())
    assert [row["task"] for row in written["tasks"]] == ["reach", "push", "all"]
    for row, one in zip(written["tasks"], told, strict=True):
        assert {name: row[name] for name in one.figures} == pytest.approx(one.figures, abs=1e-3)
    for task in ("reach", "push"):
        with Image.open(run / "out" / f"imagined-{task}.png") as picture:
            assert picture.width > 600
            colours = picture.getcolors(1 << 24)
            assert colours is not None
            assert len(colours) > 100


def test_the_command_prints_its_figures(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["imagine", str(run), "--tasks", "reach", "--seeds", "2"]) == 0
    said = capsys.readouterr().out
    figures = json.loads((run / "pictures" / "imagined.json").read_text())["tasks"][-1]
    printed = re.search(r"another's: ([-+][0-9.]+) dB; actions read out of the video: ([0-9.]+) mrad off", said)
    assert printed is not None
    assert float(printed[1]) == pytest.approx(figures["given_db"] - figures["other_db"], abs=0.01)
    assert float(printed[2]) == pytest.approx(figures["read_mrad"], abs=0.1)


def test_what_cannot_be_compared_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="--seeds is 1; expected 2 or more"):
        plan(run, n_seeds=1)
    with pytest.raises(RefusedError, match="--tasks: the policy does not follow fly; expected some of reach, push"):
        imagine(plan(run, tasks=("fly",)), told_all)
    with pytest.raises(ConfigError, match=r"policy\.pt is missing; expected the folder of a finished run"):
        imagine(plan(tmp_path / "nothing"), told_all)
    save_policy(tiny_policy(video_loss=False), run / "policy.pt")
    with pytest.raises(ConfigError, match="video_loss is False; expected true"):
        imagine(plan(run), told_all)
