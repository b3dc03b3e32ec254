"""Writes a picture for each episode, and what was measured for them as one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from distill.compute import choose_compute
from distill.svam.showing.composed import compose
from distill.svam.showing.eyes import Eyes, open_eyes
from distill.svam.showing.page import draw_page
from distill.svam.showing.palette import fit_palette
from distill.svam.showing.watched import Moment, Onlooker, moment_of
from interfaces.durable import write_whole
from interfaces.errors import RefusedError
from interfaces.progress import Progress, StartStage

FIGURES_FILE = "foresight.json"
_THREADS = 1  # one picture at a time gains little from a second, which on a busy machine was measured to make it 15 times slower


@dataclass(frozen=True, slots=True, kw_only=True)
class ForesightPlan:
    """What to show."""

    run: Path  # the folder of a finished run
    out: Path  # where pictures go
    mobile_sam: Path
    tasks: tuple[str, ...]  # none: all that the policy follows
    first_seed: int
    n_seeds: int
    instant_s: float | None  # None: where most moves
    n_steps: int  # of the generated video


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureMade:
    """One picture, and its figures: means over the foreseen frames."""

    path: Path
    task: str
    seed: int
    instant_s: float
    figures: dict[str, float]


def show_foresight(plan: ForesightPlan, start_stage: StartStage) -> tuple[list[PictureMade], dict[str, Path]]:
    """Write foresight-<task>-<seed>.png for each episode, then foresight.json; return these, and the file that each absent teacher lacks.

    Raises ConfigError where the run holds no whole policy, RefusedError at a task or an instant that is not there, OSError.
    """
    compute = choose_compute(_THREADS)
    eyes = open_eyes(plan.run, plan.mobile_sam, compute.device)
    onlooker = Onlooker(eyes.policy.config)
    tasks = _chosen(plan, onlooker.tasks)
    plan.out.mkdir(parents=True, exist_ok=True)
    moments = _watch(plan, eyes, onlooker, tasks, start_stage("episodes"))
    palette = fit_palette(eyes, onlooker, start_stage("colours"))
    tell, made = start_stage("pictures"), list[PictureMade]()
    for moment in moments:
        shown = compose(eyes, palette, moment, plan.n_steps)
        path = plan.out / f"foresight-{moment.task}-{moment.seed}.png"
        write_whole(path, draw_page(shown.page))
        made.append(
            PictureMade(
                path=path, task=moment.task, seed=moment.seed, instant_s=moment.instant_s, figures=shown.figures
            )
        )
        tell(len(made), len(moments), path.name)
    _write_figures(plan, made)
    return made, eyes.missing


def _chosen(plan: ForesightPlan, known: tuple[str, ...]) -> tuple[str, ...]:
    if strange := [task for task in plan.tasks if task not in known]:
        raise RefusedError(
            f"--tasks: the policy does not follow {', '.join(strange)}; expected some of {', '.join(known)}"
        )
    return plan.tasks or known


def _watch(
    plan: ForesightPlan, eyes: Eyes, onlooker: Onlooker, tasks: tuple[str, ...], progress: Progress
) -> list[Moment]:
    """Return all moments, before anything is drawn: what is refused is refused at once."""
    episodes = [(task, plan.first_seed + number) for task in tasks for number in range(plan.n_seeds)]
    moments: list[Moment] = []
    for task, seed in episodes:
        moments.append(moment_of(onlooker.watch(task, seed), eyes.policy.config.n_frames, plan.instant_s))
        progress(len(moments), len(episodes), f"{task} {seed}")
    return moments


def _write_figures(plan: ForesightPlan, made: list[PictureMade]) -> None:
    told = [
        {"picture": one.path.name, "task": one.task, "seed": one.seed, "instant_s": round(one.instant_s, 3)}
        | {name: round(value, 4) for name, value in one.figures.items()}
        for one in made
    ]
    write_whole(
        plan.out / FIGURES_FILE, (json.dumps({"steps": plan.n_steps, "pictures": told}, indent=1) + "\n").encode()
    )
