"""Plays unseen episodes, measures what a policy expects of them, and writes a picture a task and all figures as one file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.compute import choose_compute
from distill.family.imagining.measured import (
    FIGURES,
    Expected,
    Measured,
    expect,
    measure,
    near_db,
)
from distill.family.imagining.scenes import Scene, Witness, others, together
from distill.stages import POLICY_FILE
from distill.svam.showing.page import Block, Curve, Page, Pixels, draw_page
from interfaces.durable import write_whole
from interfaces.errors import ConfigError, RefusedError
from interfaces.progress import Progress, StartStage
from models.families import load_policy
from models.uva.policy import Drawing, UvaPolicy

FIGURES_FILE = "imagined.json"
_THREADS = 1  # as in showing/foresight.py
_LEAST_SEEDS = 2  # the actions and the video of another episode of the same task are needed


@dataclass(frozen=True, slots=True, kw_only=True)
class ImaginePlan:
    """What to try."""

    run: Path  # the folder of a finished run
    out: Path  # where pictures and figures go
    tasks: tuple[str, ...]  # none: all that the policy follows
    first_seed: int
    n_seeds: int  # episodes a task
    drawing: Drawing

    def __post_init__(self) -> None:
        """Check what cannot be compared."""
        if self.n_seeds < _LEAST_SEEDS:
            raise RefusedError(f"--seeds is {self.n_seeds}; expected {_LEAST_SEEDS} or more: episodes are compared")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskImagined:
    """What was measured for a task: means over moments and frames."""

    task: str
    n_moments: int
    figures: dict[str, float]


def imagine(plan: ImaginePlan, start_stage: StartStage) -> list[TaskImagined]:
    """Write imagined-<task>.png and imagined.json; return the figures of each task, and those of all moments last.

    Raises ConfigError where the run holds no policy that imagines, RefusedError at an unknown task, OSError.
    """
    policy = open_policy(plan.run).to(choose_compute(_THREADS).device)
    witness = Witness(policy)
    tasks = _chosen(plan, witness.tasks)
    plan.out.mkdir(parents=True, exist_ok=True)
    scenes = _watch(plan, witness, tasks, start_stage("episodes"))
    measured = measure(policy, scenes, plan.drawing, start_stage("moments"))
    tell = start_stage("pictures")
    for number, task in enumerate(tasks, start=1):
        path = plan.out / f"imagined-{task}.png"
        write_whole(path, draw_page(_page(policy, scenes, measured, _liveliest(scenes, task), plan.drawing)))
        tell(number, len(tasks), path.name)
    whole = np.ones(len(scenes), bool)
    told = [_of_task(task, measured, np.array([scene.task == task for scene in scenes])) for task in tasks]
    told.append(_of_task("all", measured, whole))
    _write_figures(plan, told)
    return told


def open_policy(run: Path) -> UvaPolicy:
    """Return a run's policy; raises ConfigError without one, or where it imagines nothing."""
    path = run / POLICY_FILE
    if not path.exists():
        raise ConfigError(
            str(run), POLICY_FILE, None, "the folder of a finished run: forerun distill RECIPE --out FOLDER"
        )
    policy = load_policy(path)
    if not isinstance(policy, UvaPolicy):
        raise ConfigError(
            str(path), "family", type(policy).__name__, "uva: other policies know no actions that they did not choose"
        )
    if not policy.config.video_loss:
        raise ConfigError(str(path), "video_loss", policy.config.video_loss, "true: this one never learnt to see ahead")
    return policy.requires_grad_(requires_grad=False)


def _chosen(plan: ImaginePlan, known: tuple[str, ...]) -> tuple[str, ...]:
    if strange := [task for task in plan.tasks if task not in known]:
        raise RefusedError(
            f"--tasks: the policy does not follow {', '.join(strange)}; expected some of {', '.join(known)}"
        )
    return plan.tasks or known


def _watch(plan: ImaginePlan, witness: Witness, tasks: tuple[str, ...], progress: Progress) -> list[Scene]:
    episodes = [(task, plan.first_seed + number) for task in tasks for number in range(plan.n_seeds)]
    scenes: list[Scene] = []
    for number, (task, seed) in enumerate(episodes, start=1):
        scenes += witness.scenes(task, seed)
        progress(number, len(episodes), f"{task} {seed}")
    return scenes


def _liveliest(scenes: list[Scene], task: str) -> int:
    """Return the number of a task's scene in which most moves, of what really happened."""
    moved = [float((scene.future - scene.now).square().mean()) if scene.task == task else -1.0 for scene in scenes]
    return int(np.argmax(moved))


def _page(policy: UvaPolicy, scenes: list[Scene], measured: Measured, at: int, drawing: Drawing) -> Page:
    scene, other = scenes[at], others(scenes)[at]
    expected = expect(policy, together([scene]), together([other]), drawing)
    frame_s = policy.config.frame_step_ms / 1000.0
    return Page(
        title=f"{scene.task}, seed {scene.seed}: what the policy expects at {scene.instant_s:.2f} s",
        about="From one picture and one instruction, for three sets of actions; below each, what then really happened.",
        times_s=np.array([frame_s * number for number in range(1, len(scene.future) + 1)]),
        blocks=(
            _block(scene, expected, "given", "For its own actions", "forward dynamics: those that were then taken"),
            _block(
                scene, expected, "other", "For another episode's", f"the actions of the same task, seed {other.seed}"
            ),
            _block(scene, expected, "free", "For no actions", "video prediction: what usually follows"),
        ),
        footnote=(
            f"Actions read out of what happened: {measured.read_mrad[at]:.0f} mrad off; out of the other episode:"
            f" {measured.other_read_mrad[at]:.0f}; if the arm stood still: {measured.still_mrad[at]:.0f}. PSNR: higher is better."
        ),
    )


def _block(scene: Scene, expected: Expected, name: str, title: str, about: str) -> Block:
    said: Tensor = getattr(expected, name)
    real, still = scene.future[None], scene.now.expand_as(scene.future)[None]
    return Block(
        title=title, about=about, foreseen_name="expected", happened_name="happened",
        now=_pixels(scene.now), foreseen=_pixels(said[0]), happened=_pixels(scene.future), absent="",
        axis="PSNR, dB",
        curves=(
            Curve(name="expected", kind="foreseen", values=near_db(said, real)[0]),
            Curve(name="if nothing moved", kind="still", values=near_db(still, real)[0]),
        ),
        aside=f"the autoencoder's best: {float(near_db(expected.best, real).mean()):.0f} dB", from_zero=False, smooth=False,
    )  # fmt: skip


def _of_task(task: str, measured: Measured, chosen: NDArray[np.bool_]) -> TaskImagined:
    figures = {name: float(getattr(measured, name)[chosen].mean()) for name in FIGURES}
    return TaskImagined(task=task, n_moments=int(chosen.sum()), figures=figures)


def _write_figures(plan: ImaginePlan, told: list[TaskImagined]) -> None:
    rows = [
        {"task": one.task, "moments": one.n_moments} | {name: round(value, 3) for name, value in one.figures.items()}
        for one in told
    ]
    drawing = {"rounds": plan.drawing.n_rounds, "steps": plan.drawing.n_steps}
    content = {"first_seed": plan.first_seed, "seeds": plan.n_seeds, **drawing, "tasks": rows}
    write_whole(plan.out / FIGURES_FILE, (json.dumps(content, indent=1) + "\n").encode())


def _pixels(pictures: Tensor) -> Pixels:
    whole = (127.5 * (pictures + 1.0)).round().clamp(0.0, 255.0).to(torch.uint8)
    return whole.movedim(-3, -1).cpu().numpy()
