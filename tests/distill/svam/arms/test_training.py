"""Training the arms: what is shared and what is not, that the finished run stays as it was, and that nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from distill.svam.arms.arm import ArmRecipe
from distill.svam.arms.draws import DRAWS_FILE
from distill.svam.arms.questions import ask
from distill.svam.arms.study import DrawsRecipe
from distill.svam.arms.training import Workshop, train_cell
from interfaces.errors import ConfigError
from interfaces.sample_file import read_samples
from models.objectives import ObjectiveName
from models.svam.policy import SvamPolicy, load_policy
from tests.distill.svam.arms.random_run import random_run, tiny_study


class Stages:
    """Remembers which stages began."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    def __call__(self, title: str) -> Callable[[int, int, str], None]:
        """Start a stage."""
        self.titles.append(title)
        return lambda _done, _total, _text: None


# Of each kind one: the others differ in what tests/distill/svam/test_targets.py and test_study.py look at.
ARMS = ("svam", "raw", "recorded", "frame", "svam-zeroed", "svam-10-steps", "l1")

Made = tuple[Workshop, dict[str, list[str]]]  # and the stages that each arm ran


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A study with one seed."""
    folder = tmp_path_factory.mktemp("study")
    whole, _ = tiny_study()
    study = replace(whole, arms=tuple(arm for arm in whole.arms if arm.name in ARMS))
    shop = Workshop(study=study, finished=random_run(folder), out=folder / "out")
    before = contents(shop.finished.folder)
    ran: dict[str, list[str]] = {}
    for arm in study.arms:
        stages = Stages()
        train_cell(shop, arm, 0, stages)
        ran[arm.name] = stages.titles
    assert contents(shop.finished.folder) == before
    return shop, ran


def contents(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def arm(shop: Workshop, name: str) -> ArmRecipe:
    return next(one for one in shop.study.arms if one.name == name)


def policy(shop: Workshop, name: str, seed: int = 0) -> SvamPolicy:
    return load_policy(shop.cell(arm(shop, name), seed) / "policy.pt")


def weights(one: SvamPolicy, part: str) -> Tensor:
    return torch.cat([value.flatten() for value in one.get_submodule(part).state_dict().values()])


def test_only_what_differs_is_trained(made: Made) -> None:
    _, ran = made
    assert ran == {
        "svam": ["foresights", "expert"],
        "raw": ["foresights", "expert"],
        "recorded": ["targets", "students", "foresights", "expert"],
        "frame": ["foresights", "expert"],
        "svam-zeroed": [],
        "svam-10-steps": [],
        "l1": ["expert"],
    }


def test_all_arms_share_the_video_model_and_what_they_say_they_share(made: Made) -> None:
    shop, _ = made
    svam, *others = (policy(shop, name) for name in ("svam", "raw", "recorded", "frame", "l1"))
    for other in others:
        assert torch.equal(weights(other, "video"), weights(svam, "video"))
        assert not torch.equal(weights(other, "action"), weights(svam, "action"))
    _, recorded, frame, l1 = others
    for part in ("semantic_decoupler", "geometric_decoupler", "semantic_anchor", "geometric_anchor"):
        for same in (frame, l1):
            assert torch.equal(weights(same, part), weights(svam, part))
        assert not torch.equal(weights(recorded, part), weights(svam, part))


def test_an_arm_of_another_is_its_networks(made: Made) -> None:
    shop, _ = made
    svam, ten = policy(shop, "svam"), policy(shop, "svam-10-steps")
    assert (svam.config.n_steps, ten.config.n_steps) == (1, 10)
    assert replace(ten.config, n_steps=1) == svam.config
    loaded, saved = ten.state_dict(), svam.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in saved.items())


def test_what_an_expert_sees_is_what_its_arm_says(made: Made) -> None:
    shop, _ = made
    kept = {path.name for path in (shop.out / "foresights").iterdir()}
    assert kept == {
        "generated-foresight", "generated-features", "generated-frame", "recorded-foresight",
    }  # fmt: skip
    svam = policy(shop, "svam")
    n_features, n_all = svam.config.feature_dim, svam.config.seen_dim
    frame = policy(shop, "frame").config
    wide = {
        name: np.load(shop.out / "foresights" / name / "expert-reach-00000.npy").shape[-1]
        for name in ("generated-foresight", "generated-features", "generated-frame")
    }
    assert list(wide.values()) == [n_all, n_features, frame.seen_dim]
    assert frame.seen_dim == frame.latent_channels + frame.semantic_dim + frame.geometric_dim


def test_what_is_finished_is_not_done_again_and_what_is_missing_is(made: Made) -> None:
    shop, _ = made
    before = contents(shop.out)
    stages = Stages()
    for one in shop.study.arms:
        train_cell(shop, one, 0, stages)
    assert stages.titles == []
    assert contents(shop.out) == before
    lost = shop.cell(arm(shop, "l1"), 0) / "policy.pt"
    saved = load_policy(lost).state_dict()
    lost.unlink()
    train_cell(shop, arm(shop, "l1"), 0, stages)
    assert stages.titles == ["expert"]
    again = load_policy(lost).state_dict()
    assert all(torch.equal(again[name], value) for name, value in saved.items())  # the same seed, the same policy


def test_another_training_seed_is_another_policy_of_the_same_foresights(made: Made) -> None:
    shop, _ = made
    wider = replace(shop, study=replace(shop.study, seeds=(0, 1)))
    stages = Stages()
    train_cell(wider, arm(shop, "svam"), 1, stages)
    assert stages.titles == ["expert"]
    assert not torch.equal(weights(policy(shop, "svam", 1), "action"), weights(policy(shop, "svam"), "action"))


@pytest.mark.parametrize(("objective", "horizon"), [("mean-flow", 8), ("imle", 32)])
def test_heads_and_lengths_have_statistics_and_samples_of_their_own(
    made: Made, objective: ObjectiveName, horizon: int
) -> None:
    shop, stages = made[0], Stages()
    head = ArmRecipe(name=f"h{horizon}-{objective}", about="", horizon=horizon, objective=objective)
    wider = replace(shop, study=replace(shop.study, arms=(*shop.study.arms, head)))
    folder = train_cell(wider, head, 0, stages)
    assert stages.titles == ["expert"]  # the foresights are shared
    trained = policy(wider, head.name)
    assert (trained.config.horizon, trained.config.objective) == (horizon, objective)
    assert trained.chunk_std.shape == (horizon, 6)
    own, run = (read_samples(one / "samples.npz") for one in (folder, shop.finished.folder))
    assert own["noise"].shape == (2, horizon, 6)
    assert run["noise"].shape == (2, 16, 6)
    assert all(np.array_equal(own[name], run[name]) for name in run if name != "noise")


def test_a_policy_is_asked_once_and_one_without_its_foresight_never(made: Made) -> None:
    shop, stages = made[0], Stages()
    plan = DrawsRecipe(pictures=2, noises=3, scenes=1, first_seed=60_000)
    curious = replace(shop, study=replace(shop.study, draws=plan))
    for _ in range(2):
        for name in ("svam", "svam-zeroed"):
            ask(curious, arm(shop, name), 0, stages)
    assert stages.titles == ["draws"]  # no forks: the tiny run has no `choose`
    assert (shop.cell(arm(shop, "svam"), 0) / DRAWS_FILE).exists()
    assert not (shop.cell(arm(shop, "svam-zeroed"), 0) / DRAWS_FILE).exists()


def test_another_regime_in_the_same_folder_is_refused(made: Made) -> None:
    shop, _ = made
    other = replace(shop.study, regime=replace(shop.study.regime, demonstrations=2))
    told = r"made-by\.json: recipe\.expert\.demonstrations is 1; expected 2, as in the study; delete .*seed-0, or take"
    with pytest.raises(ConfigError, match=told):
        train_cell(replace(shop, study=other), arm(shop, "svam"), 0, Stages())


@pytest.mark.parametrize("name", ["video.pt", "latents.npy", "students.pt", "foreseen/records-00001.npz"])
def test_an_unfinished_run_is_refused_by_the_file_that_it_lacks(made: Made, name: str) -> None:
    finished = made[0].finished
    path = finished.folder / name
    path.rename(path.with_suffix(".away"))
    try:
        with pytest.raises(ConfigError, match=rf"{name}: file is missing; expected a finished run of"):
            finished.require_finished()
    finally:
        path.with_suffix(".away").rename(path)
    finished.require_finished()
