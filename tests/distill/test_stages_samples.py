"""Samples for an export: a policy that sees the past gets it from the same episode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import distill.stages
from distill.episode import Episode, EpisodePlan
from distill.stages import record_samples
from distill.worlds import WorldName
from interfaces.sample_file import read_samples
from models.robot_side import RobotSide


class Clock:
    """A recorder whose picture says, in units of 10 ms, how long the episode was."""

    tick_s = 0.05

    def __init__(self) -> None:
        self.end_s = 0.0

    def record(self, plan: EpisodePlan) -> Episode:
        self.end_s = plan.time_limit_s
        return Episode()

    def frame(self) -> NDArray[np.uint8]:
        return np.full((4, 6, 3), round(100.0 * self.end_s), np.uint8)

    def joints(self) -> NDArray[np.float64]:
        return np.full(2, self.end_s)


@pytest.mark.parametrize(("n_history", "seen"), [(1, [50]), (3, [10, 30, 50]), (5, [5, 5, 10, 30, 50])])
def test_the_past_is_the_same_episode_sooner(
    n_history: int, seen: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(world: WorldName, video_px: int | None) -> Clock:
        del world, video_px
        return Clock()

    monkeypatch.setattr(distill.stages, "open_recorder", opened)
    config = RobotSide(
        joints=("a", "b"), instructions=("reach",), horizon=3, n_history=n_history, history_step_ms=200.0
    )
    record_samples(config, tmp_path / "samples.npz")
    samples = read_samples(tmp_path / "samples.npz")
    pictures = samples[config.camera]
    assert pictures.shape == ((2, n_history, 4, 6, 3) if n_history > 1 else (2, 4, 6, 3))
    assert pictures.reshape(2, n_history, -1)[0, :, 0].tolist() == seen
    assert samples["joints"][0].tolist() == [0.5, 0.5]  # the world stands at the newest picture
