"""How often the experts succeed: `python -m sim.metaworld.trial --seeds 30`; `--pictures FILE` shows what the camera sees of them."""

from __future__ import annotations

import argparse
import multiprocessing
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sim.camera.renderer import Rgb
from sim.metaworld.expert import Experts
from sim.metaworld.target_noise import TargetNoise
from sim.metaworld.tasks import STEP_NS, TASKS
from sim.metaworld.world import MetaworldWorld

_SHOWN = 6  # pictures an episode


def run_episode(world: MetaworldWorld, experts: Experts, *, task: str, seed: int, noisy: bool) -> int | None:
    """Return the steps until success, or None where there was none."""
    world.reset(task, seed)
    noise = TargetNoise(np.random.default_rng((seed, 1)))
    while not world.is_over:
        target = experts.target(task, world.observation)
        world.step(target + noise.offset(world.n_steps) if noisy else target)
        if world.succeeded:
            return world.n_steps
    return None


def _trial(job: tuple[str, range, bool]) -> tuple[str, list[int | None]]:
    task, seeds, noisy = job
    world, experts = MetaworldWorld(), Experts()
    return task, [run_episode(world, experts, task=task, seed=seed, noisy=noisy) for seed in seeds]


def _row(task: str, seeds: range, steps: list[int | None]) -> tuple[str, ...]:
    good = [count for count in steps if count is not None]
    failed = [seed for seed, count in zip(seeds, steps, strict=True) if count is None]
    mean, longest = (np.mean(good), max(good)) if good else (np.nan, np.nan)
    seconds = f"{mean * STEP_NS * 1e-9:.2f} s"
    return task, f"{len(good)}/{len(steps)}", f"{mean:.0f}", seconds, f"{longest:.0f}", str(failed[:12])


def _strip(task: str) -> Rgb:
    """Return pictures (192, 6 * 192, 3) of an episode."""
    world, experts, pictures = MetaworldWorld(), Experts(), list[Rgb]()
    world.reset(task, 0)
    while not (world.is_over or world.succeeded):
        pictures.append(world.render()[0])
        world.step(experts.target(task, world.observation))
    pictures.append(world.render()[0])
    world.close()
    last = len(pictures) - 1
    return np.hstack([pictures[round(at * last / (_SHOWN - 1))] for at in range(_SHOWN)])


def main() -> None:
    """Print success and steps a task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--noisy", action="store_true", help="noise on the executed targets, as in demonstrations")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--pictures", type=Path, help="write a row of pictures a task")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    jobs = [(task, seeds, arguments.noisy) for task in arguments.tasks]
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        results = list(track(pool.imap(_trial, jobs), total=len(jobs), description="expert"))
    table = Table("task", "success", "mean steps", "mean time", "longest", "failed seeds")
    for task, steps in results:
        table.add_row(*_row(task, seeds, steps))
    Console().print(table)
    if arguments.pictures:
        Image.fromarray(np.vstack([_strip(task) for task in arguments.tasks])).save(arguments.pictures)


if __name__ == "__main__":
    main()
