"""How often the expert succeeds: `python -m sim.expert.trial --seeds 100`."""

import argparse
import multiprocessing
from collections import deque
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sim.expert.chunk import expert_chunk
from sim.expert.target_noise import TargetNoise
from sim.tasks import TASKS
from sim.tick import execute_tick, quantised_rad
from sim.world import Observation, World

TICK_NS = 50_000_000
EPISODE_NS = 12_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What makes a trial harder than the clean case."""

    noisy: bool  # DART noise on the executed targets
    late_ticks: int  # age of the observation behind a target; the row of its chunk is chosen by time


def run_episode(world: World, task_name: str, seed: int, conditions: Conditions) -> int | None:
    """Time in ns until success, or None when the episode ended without."""
    world.reset(task_name, seed)
    noise = TargetNoise(task_name, np.random.default_rng(seed))
    command_rad = world.joint_positions_rad
    observations: deque[Observation] = deque(maxlen=conditions.late_ticks + 1)
    while world.time_ns < EPISODE_NS:
        now = world.state
        observations.append(Observation(joints_rad=quantised_rad(now.joints_rad), object_state=now.object_state))
        age_ticks = len(observations) - 1
        target_rad = expert_chunk(task_name, observations[0], age_ticks + 2, TICK_NS / 1e9)[age_ticks + 1]
        if conditions.noisy:
            target_rad = target_rad + noise.offset_rad(world.time_ns)
        execute_tick(world, command_rad, target_rad, TICK_NS)
        command_rad = target_rad
        if world.succeeded():
            return world.time_ns
    return None


_world: World | None = None


def _start_worker() -> None:
    global _world  # noqa: PLW0603 - one world a worker process; it cannot travel through the pool
    _world = World()


def _trial(job: tuple[str, int, Conditions]) -> tuple[str, int, int | None]:
    task_name, seed, conditions = job
    assert _world is not None
    return task_name, seed, run_episode(_world, task_name, seed, conditions)


def main() -> None:
    """Prints success and mean time a task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--noisy", action="store_true", help="noise on the executed targets, as in demonstrations")
    parser.add_argument("--late-ticks", type=int, default=0, help="age of the observation in ticks of 50 ms")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    arguments = parser.parse_args()
    conditions = Conditions(noisy=arguments.noisy, late_ticks=arguments.late_ticks)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    jobs = [(task_name, seed, conditions) for task_name in arguments.tasks for seed in seeds]
    with multiprocessing.get_context("spawn").Pool(arguments.processes, _start_worker) as pool:
        results = list(track(pool.imap_unordered(_trial, jobs), total=len(jobs), description="expert"))
    table = Table("task", "success", "mean time", "longest", "failed seeds")
    for task_name in arguments.tasks:
        times_s = [t / 1e9 for name, _, t in results if name == task_name and t is not None]
        failed = sorted(seed for name, seed, t in results if name == task_name and t is None)
        mean_s, longest_s = (np.mean(times_s), np.max(times_s)) if times_s else (np.nan, np.nan)
        table.add_row(
            task_name, f"{len(times_s)}/{len(seeds)}", f"{mean_s:.2f} s", f"{longest_s:.2f} s", str(failed[:12])
        )
    Console().print(table)


if __name__ == "__main__":
    main()
