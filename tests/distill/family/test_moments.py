"""Moments: which frames belong to one, at the beginning and at the end of an episode, and at an age that is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from distill.family.family_stage import others_of_a_task
from distill.family.moments import Moments, Reach
from distill.svam.clips import ClipIndex, read_index
from distill.svam.demonstrated import Demonstrated, choose_pictures
from distill.svam.sampling import Sampling
from interfaces.errors import ForerunError
from tests.distill.family.toy_family import ToyConfig, ToyPolicy

SAMPLING = Sampling(
    grid_s=0.01, horizon=4, step_ms=50.0, first_ms=50.0,
    age_min_ms=20.0, age_typical_ms=100.0, age_max_ms=200.0, joint_noise_rad=0.0,
)  # fmt: skip
REACH = Reach(n_history=3, history_stride=1, n_future=2, future_stride=2)


@pytest.fixture
def moments(tmp_path: Path) -> Moments:
    """Two episodes of five pictures 100 ms apart; the n-th picture's latent is n everywhere, a joint's number is its step."""
    step = np.arange(100)
    np.savez(
        tmp_path / "a.npz", picture_step=10 * np.arange(10), picture_last=np.repeat([49, 99], 5),
        picture_task=np.zeros(10, np.int8), joints_rad=step[:, None].astype(np.float32),
        target_rad=(1000.0 + step[:, None]).astype(np.float32),
    )  # fmt: skip
    shards = [tmp_path / "a.npz"]
    index = read_index(shards, held_out_every=2)
    told = Demonstrated(SAMPLING, shards, index, choose_pictures(index, 1, len(index)))
    latents = torch.arange(10.0)[:, None, None, None].expand(10, 2, 1, 1).half()
    return Moments(told, index, latents, REACH)


def test_history_and_future_stay_in_the_episode(moments: Moments) -> None:
    moment = moments.of(np.array([0, 3, 5, 9]), np.random.default_rng(0))
    assert moment.frames.shape == (4, 3, 2, 1, 1)
    assert moment.frames[:, :, 0, 0, 0].tolist() == [[0, 0, 0], [1, 2, 3], [5, 5, 5], [7, 8, 9]]
    assert moment.future[:, :, 0, 0, 0].tolist() == [[2, 4], [4, 4], [7, 9], [9, 9]]
    assert moment.frames.dtype == torch.float32
    assert len(moment) == 4


def test_joints_and_targets_are_those_of_the_age(moments: Moments) -> None:
    moment = moments.of(np.array([0, 6]), np.random.default_rng(0), age_s=0.03)
    assert moment.age_s.tolist() == pytest.approx([0.03, 0.03])
    assert moment.joints_rad[:, 0].tolist() == [3, 63]
    assert moment.target_rad[:, :, 0].tolist() == [[1008, 1013, 1018, 1023], [1068, 1073, 1078, 1083]]


def test_ages_are_drawn_within_the_recipe(moments: Moments) -> None:
    ages_s = moments.of(np.repeat(5, 200), np.random.default_rng(0)).age_s
    assert float(ages_s.min()) >= 0.0199
    assert 0.15 < float(ages_s.max()) <= 0.2001


def test_one_episode_is_learnt_and_the_other_held_out(moments: Moments) -> None:
    assert moments.learnt.tolist() == [5, 6, 7, 8, 9]
    assert moments.held_out.tolist() == [0, 1, 2, 3, 4]


def test_long_histories_and_strides() -> None:
    index = ClipIndex(last=np.repeat([3, 9], [4, 6]), task=np.zeros(10, np.int64), held_out=np.zeros(10, np.bool_))
    assert index.pasts(np.array([9, 4]), 3, 2).tolist() == [[5, 7, 9], [4, 4, 4]]
    assert index.pasts(np.array([2]), 1, 1).tolist() == [[2]]


def test_reach_is_counted_in_recorded_pictures() -> None:
    config = ToyConfig(joints=("a",), instructions=("reach",), n_history=2, history_step_ms=300.0, frame_step_ms=200.0)
    assert Reach.of(ToyPolicy(config), 10.0) == Reach(n_history=2, history_stride=3, n_future=2, future_stride=2)
    with pytest.raises(ForerunError, match="frames 200 ms apart; expected a multiple of 125"):
        Reach.of(ToyPolicy(ToyConfig(joints=("a",), instructions=("reach",), frame_step_ms=200.0)), 8.0)


def test_the_control_is_another_moment_of_the_same_task() -> None:
    task = np.array([0, 1, 0, 1, 0, 0])
    other = others_of_a_task(task)
    assert (task[other] == task).all()
    assert (other != np.arange(6)).all()
    assert sorted(other) == list(range(6))
