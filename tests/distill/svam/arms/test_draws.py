"""What policies answer to many noises: against a policy whose answers are known, and scenes that are really the same from the start."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from typing_extensions import override

from distill.svam.arms.draws import answers, draws_at_forks, read_moments, spread_by_task, write_draws, write_moments
from distill.svam.arms.finished_run import FinishedRun
from distill.svam.arms.forks import ForkRecorder, Forks, read_forks, write_forks
from interfaces.errors import ConfigError
from interfaces.progress import silent
from models.svam.policy import SvamPolicy
from tests.distill.svam.arms.random_run import random_run

HORIZON = 16


class Known(SvamPolicy):
    """Answers with what it is told, and with the noise as many times over as `gain` says."""

    gain = 0.0
    said: Tensor | None = None

    @override
    def decode(self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor, noise: Tensor) -> Tensor:
        """Return what is known beforehand."""
        del tokens, age_s
        base = joints_rad[:, None].expand_as(noise) if self.said is None else self.said
        return base + self.gain * noise


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return random_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def known(finished: FinishedRun) -> Known:
    torch.manual_seed(0)
    return Known(replace(finished.recipe.config(), instructions=("reach", "choose"))).eval()


def forks(n_scenes: int = 3) -> Forks:
    draw = np.random.default_rng(0)
    return Forks(
        pictures=draw.integers(0, 256, (n_scenes, 64, 64, 3), dtype=np.uint8),
        joints_rad=np.zeros((n_scenes, 6), np.float32),
        target_rad=draw.normal(size=(n_scenes, 2, 100, 6)).astype(np.float32),
    )


def test_the_spread_is_that_of_the_noise_and_nothing_else(known: Known, finished: FinishedRun, tmp_path: Path) -> None:
    write_moments(tmp_path / "moments.npz", finished, n_pictures=2)
    moments = read_moments(tmp_path / "moments.npz")
    assert moments["task"].tolist() == [0, 0, 1, 1]
    assert {len(moments[key]) for key in ("pictures", "joints_rad", "age_s")} == {4}
    still = spread_by_task(known, moments, 8)
    assert still == pytest.approx({"reach": 0.0, "choose": 0.0}, abs=1e-6)  # however far the joints are apart
    known.gain = 0.02
    found = spread_by_task(known, moments, 64)
    assert found == pytest.approx({"reach": 0.02, "choose": 0.02}, rel=0.05)
    assert found["reach"] == pytest.approx(found["choose"])  # the same noises for all


def test_all_questions_are_asked_with_the_same_noises(known: Known) -> None:
    known.gain = 1.0
    said = answers(known, torch.zeros(2, 3, 4), torch.zeros(2, 6), torch.zeros(2), 5)
    assert said.shape == (2, 5, HORIZON, 6)
    assert torch.equal(said[0], said[1])
    assert not torch.equal(said[0, 0], said[0, 1])


def test_who_says_the_mean_is_undecided_and_as_far_off_as_the_ways_are_apart(known: Known) -> None:
    scenes, n_noises = forks(), 4
    ways = torch.from_numpy(scenes.chunks_rad(HORIZON, 50.0, 50.0))
    known.said = ways.mean(1).repeat_interleave(n_noises, dim=0)
    found = draws_at_forks(known, scenes, 0.02, n_noises)
    half_apart = float(((ways[:, 0] - ways[:, 1]) / 2.0).square().mean().sqrt())
    assert found.half_apart_rad == pytest.approx(half_apart)
    assert found.from_nearest_rad == pytest.approx(half_apart, rel=1e-3)
    assert found.from_mean_rad == pytest.approx(0.0, abs=1e-4)
    assert (found.spread_rad, found.decided_ratio) == (pytest.approx(0.0, abs=1e-4), 0.0)


def test_who_takes_either_way_is_decided_and_never_the_mean(known: Known) -> None:
    scenes = forks()
    ways = torch.from_numpy(scenes.chunks_rad(HORIZON, 50.0, 50.0))
    left_three_times = ways[:, [0, 0, 0, 1]]  # (scene, noise, row, joint)
    known.said = left_three_times.flatten(0, 1)
    found = draws_at_forks(known, scenes, 0.02, 4)
    assert (found.decided_ratio, found.left_ratio) == (1.0, 0.75)
    assert found.from_nearest_rad == pytest.approx(0.0, abs=1e-4)
    assert found.from_mean_rad == pytest.approx(found.half_apart_rad, rel=1e-3)


def test_rows_of_a_chunk_are_where_training_takes_them() -> None:
    one = Forks(
        pictures=np.zeros((1, 2, 2, 3), np.uint8), joints_rad=np.zeros((1, 6), np.float32),
        target_rad=np.arange(30, dtype=np.float32)[None, None, :, None].repeat(2, 1).repeat(6, 3),
    )  # fmt: skip
    assert one.chunks_rad(4, 50.0, 50.0)[0, 0, :, 0].tolist() == [5.0, 10.0, 15.0, 20.0]
    assert one.chunks_rad(8, 50.0, 50.0)[0, 1, -1, 0] == 29.0  # the last target stays, as an episode's does


def test_what_was_found_is_kept_as_json(tmp_path: Path, known: Known) -> None:
    known.gain = 0.01
    found = draws_at_forks(known, forks(), 0.02, 4)
    write_draws(tmp_path / "draws.json", {"reach": 0.0015}, found)
    told = json.loads((tmp_path / "draws.json").read_text(encoding="utf-8"))
    assert told["spread_rad"] == {"reach": 0.0015}
    assert told["forks"]["left_ratio"] == found.left_ratio


def test_both_ways_begin_with_the_same_picture_and_lead_apart(tmp_path: Path) -> None:
    recorder = ForkRecorder(64)
    picture, joints, targets = recorder.fork(60_000, 1.0)
    assert picture.shape == (64, 64, 3)
    assert targets.shape == (2, 100, 6)
    np.testing.assert_allclose(targets[0, 0], targets[1, 0])  # both begin where the arm is
    np.testing.assert_allclose(targets[0, 0], joints, atol=1e-6)
    pan_rad = targets[:, -1, 0]
    assert abs(pan_rad[0] - pan_rad[1]) > 0.3  # the base turns to the one ball, or to the other
    write_forks(tmp_path / "forks.npz", 64, range(60_000, 60_001), 1.0, silent)
    kept = read_forks(tmp_path / "forks.npz")
    np.testing.assert_array_equal(kept.pictures[0], picture)
    np.testing.assert_array_equal(kept.target_rad[0], targets)


def test_a_damaged_file_of_scenes_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "forks.npz", pictures=np.zeros(3))
    with pytest.raises(ConfigError, match=r"forks\.npz: joints_rad is missing; .*delete the file"):
        read_forks(tmp_path / "forks.npz")
