"""One row an episode: which arm, trained with which seed, in which scene, and how long it took. A CSV file holds them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.closed_loop.evaluation import Evaluation, evaluate
from bench.closed_loop.latencies import Latencies
from interfaces.bundle_manifest import load_manifest
from interfaces.durable import write_whole
from interfaces.errors import ConfigError
from interfaces.progress import Progress

_COLUMNS = ("arm", "training_seed", "task", "seed", "success_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One episode."""

    arm: str
    training_seed: int
    task: str
    seed: int  # of the scene
    success_s: float | None  # None: not within the time limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenes:
    """Which scenes a policy is tried on, and with what."""

    robot_file: Path
    first_seed: int
    n_seeds: int  # a task
    time_limit_s: float
    workers: int


def try_bundle(bundle: Path, arm: str, training_seed: int, scenes: Scenes, progress: Progress) -> list[Trial]:
    """Return what became of a bundle's fp32 policy in all scenes of all its instructions, in lockstep; raises as `open_bundle`."""
    tasks = load_manifest(bundle).instructions
    evaluation = Evaluation(
        robot_file=scenes.robot_file, bundle=bundle, brain="policy", tasks=tasks, first_seed=scenes.first_seed,
        n_seeds=scenes.n_seeds, time_limit_s=scenes.time_limit_s, latencies=Latencies(), workers=scenes.workers,
        precision="fp32",
    )  # fmt: skip
    trials: list[Trial] = []
    total, succeeded = scenes.n_seeds * len(tasks), 0
    for outcome in evaluate(evaluation):
        trials.append(
            Trial(
                arm=arm, training_seed=training_seed, task=outcome.task, seed=outcome.seed, success_s=outcome.success_s
            )
        )
        succeeded += outcome.success_s is not None
        progress(len(trials), total, f"{succeeded} of {len(trials)} succeeded")
    return sorted(trials, key=lambda trial: (tasks.index(trial.task), trial.seed))


def write_trials(path: Path, trials: Iterable[Trial]) -> None:
    """Write a CSV file, whole or not at all. Raises OSError."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for trial in trials:
        success = "" if trial.success_s is None else f"{trial.success_s:.3f}"
        writer.writerow([trial.arm, trial.training_seed, trial.task, trial.seed, success])
    write_whole(path, text.getvalue().encode())


def read_trials(path: Path) -> list[Trial]:
    """Return the rows of a CSV file; raises ConfigError naming the line that is none."""
    lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    if not lines or tuple(lines[0]) != _COLUMNS:
        raise ConfigError(str(path), "line 1", lines[0] if lines else None, ",".join(_COLUMNS))
    return [_trial(path, number, line) for number, line in enumerate(lines[1:], start=2)]


def _trial(path: Path, number: int, line: list[str]) -> Trial:
    try:
        arm, training_seed, task, seed, success = line
        return Trial(
            arm=arm, training_seed=int(training_seed), task=task, seed=int(seed),
            success_s=float(success) if success else None,
        )  # fmt: skip
    except ValueError:
        raise ConfigError(str(path), f"line {number}", ",".join(line), ",".join(_COLUMNS)) from None
