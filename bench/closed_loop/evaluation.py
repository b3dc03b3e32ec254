"""Many episodes in lockstep, over all cores; each is the same whichever core plays it, and whatever was played before."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.closed_loop.brains import expert_brain, policy_brain
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Brain, Lockstep, Outcome
from interfaces.robot_config import RobotConfig, load_robot
from runtime.policy.bundle import LoadedBundle, bundle_folder, open_bundle
from runtime.policy.inference_choice import Inference
from sim.shifts.named import SHIFTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What to evaluate."""

    robot_file: Path
    bundle: Path | None  # instead of the robot file's
    brain: Literal["policy", "expert"]
    tasks: tuple[str, ...]
    first_seed: int
    n_seeds: int
    time_limit_s: float
    latencies: Latencies
    workers: int
    precision: Inference | None = None  # of the bundle's artefact; None: the robot file's choice
    shift: str = "none"  # what is other than in training (sim/shifts)


def evaluate(evaluation: Evaluation) -> Iterator[Outcome]:
    """Yield the outcome of each episode as it ends, in no order; raises as `open_bundle`."""
    if evaluation.brain == "policy":
        _open(evaluation, load_robot(evaluation.robot_file))  # a pool would start workers that fail for ever
    seeds = range(evaluation.first_seed, evaluation.first_seed + evaluation.n_seeds)
    episodes = [(task, seed) for seed in seeds for task in evaluation.tasks]
    # Spawned, not forked: an OpenGL context does not survive a fork.
    with multiprocessing.get_context("spawn").Pool(evaluation.workers, _start_worker, (evaluation,)) as pool:
        yield from pool.imap_unordered(_run_episode, episodes)


@dataclass(slots=True)
class _Worker:
    evaluation: Evaluation
    lockstep: Lockstep
    brain: Callable[[int], Brain]  # of an episode's seed, which is that of its noise, too


_worker: _Worker | None = None


def _start_worker(evaluation: Evaluation) -> None:
    global _worker  # noqa: PLW0603 - one per process of the pool
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches all of the terminal; who started us ends us, without a traceback each
    robot = load_robot(evaluation.robot_file)
    lockstep = Lockstep(robot, evaluation.latencies, SHIFTS[evaluation.shift]())
    if evaluation.brain == "expert":
        _worker = _Worker(evaluation, lockstep, lambda _seed: expert_brain(lockstep.world))
        return
    bundle = _open(evaluation, robot)
    _worker = _Worker(evaluation, lockstep, lambda seed: policy_brain(bundle, robot.policy, seed))


def _open(evaluation: Evaluation, robot: RobotConfig) -> LoadedBundle:
    folder = evaluation.bundle or bundle_folder(evaluation.robot_file, robot)
    return open_bundle(folder, robot, inference=evaluation.precision)


def _run_episode(episode: tuple[str, int]) -> Outcome:
    assert _worker is not None
    _, seed = episode
    return _worker.lockstep.run(_worker.brain(seed), *episode, _worker.evaluation.time_limit_s)
