"""Demonstrations of Meta-World on a stand-in for its package: labels, pictures, depth, the way back from noise, and who drove first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from distill.demonstrations import plan_shards, record
from distill.episode import Episode, EpisodePlan
from distill.metaworld_episode import DRIVER_STEPS, MetaworldRecorder
from distill.recipe import DemonstrationRecipe, TaskRecipe
from distill.recorders import open_recorder
from interfaces.errors import RefusedError
from interfaces.progress import silent
from sim.metaworld import package
from tests.sim.metaworld.fake_task import fake_package


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> MetaworldRecorder:
    """Return one that records on the stand-in."""
    monkeypatch.setattr(package, "_module", fake_package)
    return MetaworldRecorder(64)


def plan(*, noisy: bool, driver: Sideways | None = None) -> EpisodePlan:
    return EpisodePlan(
        task="door-open", seed=100_003, noisy=noisy, time_limit_s=6.0, after_success_s=0.1, picture_every=4, driver=driver,
        driver_ticks=5,
    )  # fmt: skip


class Sideways:
    """Drives the hand to one side, and remembers what it was shown."""

    def __init__(self) -> None:
        self.saw: list[tuple[NDArray[np.float64], tuple[int, ...], str]] = []

    def begin(self) -> None:
        self.saw.clear()

    def target(self, joints: NDArray[np.float64], rgb: NDArray[np.uint8], task: str) -> NDArray[np.float64]:
        self.saw.append((joints, rgb.shape, task))
        return joints + np.array([0.05, 0.0, 0.0, 0.0])


def steps(episode: Episode) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(episode.joints_rad), np.array(episode.target_rad)


def test_an_episode_has_labels_pictures_and_depth(recorder: MetaworldRecorder) -> None:
    episode = recorder.record(plan(noisy=False))
    joints, target = steps(episode)
    assert episode.succeeded
    assert joints.shape == target.shape == (len(episode.points_m), 4)
    np.testing.assert_array_equal(np.diff(episode.picture_step), 4)
    assert {picture.shape for picture in episode.pictures} == {(64, 64, 3)}
    assert {depth.shape for depth in episode.depth_mm} == {(32, 32)}
    thing_m = episode.points_m[0][1]
    wanted = joints[:, :3] + 0.08 * np.clip(25.0 * (thing_m - joints[:, :3]), -1.0, 1.0)
    np.testing.assert_allclose(target[:, :3], wanted)
    assert np.linalg.norm(joints[-1, :3] - thing_m) < 0.02  # it goes on for 0.1 s after success


def test_labels_stay_clean_where_the_hand_is_pushed_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "_module", fake_package)
    recorder, ways = MetaworldRecorder(None), list[NDArray[np.float64]]()
    for seed in range(100_000, 100_006):
        for noisy in (False, True):
            episode = recorder.record(replace(plan(noisy=noisy), seed=seed))
            joints, target = steps(episode)
            thing_m = episode.points_m[0][1]
            wanted = joints[:, :3] + 0.08 * np.clip(25.0 * (thing_m - joints[:, :3]), -1.0, 1.0)
            np.testing.assert_allclose(target[:, :3], wanted)
            assert episode.succeeded
            ways.append(joints[:10])
    off_m = [np.abs(noisy - clean).max() for clean, noisy in zip(ways[::2], ways[1::2], strict=True)]
    assert max(off_m) > 0.005  # pushed off, in some episodes
    assert min(off_m) == 0.0  # and not in others


def test_recording_begins_where_the_expert_takes_over(recorder: MetaworldRecorder) -> None:
    driver = Sideways()
    episode = recorder.record(plan(noisy=False, driver=driver))
    assert [shape for _, shape, _ in driver.saw] == [(192, 192, 3)] * 5
    assert driver.saw[0][2] == "door-open"
    assert episode.joints_rad[0][0] > driver.saw[0][0][0] + 0.01  # it has been taken aside
    assert recorder.world.n_steps == len(episode.joints_rad) + 5 * DRIVER_STEPS


def test_for_samples_the_camera_is_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "_module", fake_package)
    recorder = open_recorder("metaworld", None)
    assert recorder.record(plan(noisy=False)).pictures == []
    assert recorder.frame().shape == (192, 192, 3)
    assert recorder.joints().shape == (4,)


def test_a_shard_that_cannot_be_recorded_here_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(_name: str) -> None:
        raise RefusedError("no Meta-World")

    monkeypatch.setattr(package, "_module", missing)
    recipe = DemonstrationRecipe(
        first_seed=100_000, time_limit_s=6.0, after_success_s=0.2, picture_rate_hz=20.0, workers=2, world="metaworld",
        video_px=64, tasks=(TaskRecipe(name="door-open", episodes=30, recovery_episodes=()),),
    )  # fmt: skip
    shards = plan_shards(recipe, tmp_path)
    with pytest.raises(RefusedError, match="no Meta-World"):
        record(recipe, shards, None, silent)
    for shard in shards:
        shard.path.touch()
    assert record(recipe, shards, None, silent) == 1.0  # what is recorded already needs no package
    assert recipe.picture_every == 4
