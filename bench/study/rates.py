"""Success of the arms of a study: pooled, by training seed, and against one another in the same scenes.

The pooled interval is Wilson's over all episodes. It takes episodes of one trained policy for independent, which they are given the
policy; how much training itself varies is told by the spread over training seeds beside it. Differences are paired: two arms with the
same training seed in the same scene; their interval is that of the mean over scenes (normal, 95 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.closed_loop.intervals import wilson
from bench.study.trials import Trial

ALL_TASKS = "all tasks"
_Z = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often something succeeded."""

    successes: int
    trials: int

    @property
    def ratio(self) -> float:
        """Return the share; NaN where nothing was tried."""
        return self.successes / self.trials if self.trials else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Return Wilson's 95 % interval."""
        return wilson(self.successes, self.trials)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """By how much an arm is better than another: a difference of success ratios, and how sure it is."""

    middle_ratio: float
    low_ratio: float
    high_ratio: float


def in_order(trials: Sequence[Trial]) -> tuple[list[str], list[str]]:
    """Return arms and tasks as they first come."""
    return list(dict.fromkeys(trial.arm for trial in trials)), list(dict.fromkeys(trial.task for trial in trials))


def rate(trials: Sequence[Trial], arm: str, task: str | None = None, training_seed: int | None = None) -> Rate:
    """Return the success of an arm: in one task or all, with one training seed or all."""
    chosen = [
        trial
        for trial in trials
        if trial.arm == arm and task in (None, trial.task) and training_seed in (None, trial.training_seed)
    ]
    return Rate(successes=sum(trial.success_s is not None for trial in chosen), trials=len(chosen))


def by_training_seed(trials: Sequence[Trial], arm: str, task: str | None = None) -> dict[int, float]:
    """Return the success ratio of each trained policy of an arm."""
    seeds = sorted({trial.training_seed for trial in trials if trial.arm == arm})
    return {seed: rate(trials, arm, task, seed).ratio for seed in seeds}


def difference(trials: Sequence[Trial], arm: str, other: str) -> Difference | None:
    """Return by how much `arm` is better than `other` where both were tried; None where that is in fewer than two scenes."""
    won: dict[tuple[str, int, int, str], float] = {
        (trial.task, trial.seed, trial.training_seed, trial.arm): float(trial.success_s is not None) for trial in trials
    }
    scenes: dict[tuple[str, int], list[float]] = {}
    for (task, seed, training_seed, who), success in won.items():
        against = won.get((task, seed, training_seed, other))
        if who == arm and against is not None:
            scenes.setdefault((task, seed), []).append(success - against)
    if len(scenes) < 2:
        return None
    means = np.array([np.mean(of_scene) for of_scene in scenes.values()])
    half = _Z * float(means.std(ddof=1)) / np.sqrt(len(means))
    middle = float(means.mean())
    return Difference(middle_ratio=middle, low_ratio=middle - half, high_ratio=middle + half)
