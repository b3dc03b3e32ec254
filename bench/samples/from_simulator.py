"""Samples from the simulated robot: what a bundle's graphs are given while it acts, in lockstep, on the runtime's own stages.

Every third chunk of an episode is a sample (one in 0.1 s), so that they differ from each other, and each task gives as many. Nothing is
made up: picture, instruction, joints, foresight age and noise are those that the engines got. Each episode draws how long its foresight
takes, from what a workstation needs for a small network to what an Orin needs for a large one: so its age covers what a robot will see.
The seeds of what is gathered, trained and judged on never meet:

        0 ...           evaluation (`forerun eval`), and the closed-loop gate
   20 000 ...           calibration of the quantisation
   40 000 ...           held-out frames, for gates and sensitivity
   90 000 ...           parity samples (distill)
  100 000 ...           training
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np

from bench.closed_loop.brains import policy_brain
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Brain, Lockstep
from bench.samples.sample_rows import stacked
from interfaces.bundle_manifest import BundleManifest, GraphSpec
from interfaces.engine import Engine, Tensors
from interfaces.errors import RefusedError
from interfaces.graph_contract import TOKENS
from interfaces.messages import ActionChunk, Foresight, Frame, JointState
from interfaces.progress import Progress
from interfaces.robot_config import RobotConfig, load_robot
from interfaces.sample_file import Samples
from runtime.policy.bundle import LoadedBundle, open_bundle
from runtime.policy.inference_choice import Inference
from sim.tasks import TASKS

CALIBRATION_SEED = 20_000
HELDOUT_SEED = 40_000

_EVERY = 3  # chunks
_EPISODES_MAX = 5_000  # of a task: a policy that never acts must not keep us for ever
_FORESIGHT_MS = (1.5, 120.0)  # with the older of these, the age goes up to 0.3 s
_KEPT_FORESIGHTS = 4  # a chunk is made from the newest, or, while that one is made, from the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorPlan:
    """What to gather."""

    robot_file: Path
    bundle: Path
    n_samples: int
    first_seed: int
    workers: int
    precision: Inference | None = None  # of the artefact that acts; None: the robot file's choice
    time_limit_s: float = 10.0


def gather_from_simulator(plan: SimulatorPlan, progress: Progress) -> Samples:
    """Return samples of all the bundle's instructions in turn; the same plan gives the same, whatever `workers` is.

    Raises BundleError or ConfigError where the bundle does not open, RefusedError where it does not act in the simulator.
    """
    manifest = _check(plan)
    tasks = manifest.instructions
    rows: list[Tensors] = []
    # Spawned, not forked: an OpenGL context does not survive a fork.
    with multiprocessing.get_context("spawn").Pool(plan.workers, _start_worker, (plan,)) as pool:
        for number, task in enumerate(tasks):
            wanted = len(range(number, plan.n_samples, len(tasks)))
            mine: list[Tensors] = []
            for episode in _episodes(pool, plan, task):
                mine += episode
                progress(len(rows) + min(len(mine), wanted), plan.n_samples, task)
                if len(mine) >= wanted:
                    break
            if len(mine) < wanted:
                raise RefusedError(f"{plan.bundle}: {_EPISODES_MAX} episodes of {task} gave only {len(mine)} samples")
            rows += mine[:wanted]
    return stacked(str(plan.bundle), rows, manifest)


def _check(plan: SimulatorPlan) -> BundleManifest:
    """Return the manifest of a bundle that opens: a pool would start workers that fail for ever."""
    manifest = open_bundle(plan.bundle, load_robot(plan.robot_file), inference=plan.precision).manifest
    strange = [task for task in manifest.instructions if task not in TASKS]
    if strange:
        raise RefusedError(f"{plan.bundle}: the simulator has no {', '.join(strange)}, only {', '.join(TASKS)}")
    return manifest


def _episodes(pool: Pool, plan: SimulatorPlan, task: str) -> Iterator[list[Tensors]]:
    """Yield what each episode of a task gave, in the order of the seeds."""
    for start in range(0, _EPISODES_MAX, plan.workers):
        seeds = range(plan.first_seed + start, plan.first_seed + start + plan.workers)
        episodes = pool.map(_gather_episode, [(task, seed) for seed in seeds], chunksize=1)
        if start == 0 and not any(episodes):
            raise RefusedError(
                f"{plan.bundle}: makes no chunk in the simulator on {task}, so there is nothing to gather"
            )
        yield from episodes


class _Tapped:
    """An engine that remembers what it was given last."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.given: Tensors = {}

    @property
    def spec(self) -> GraphSpec:
        """Return the tensors of the graph."""
        return self._engine.spec

    def run(self, inputs: Tensors) -> Tensors:
        """Run, on copies: who calls may write over its arrays."""
        self.given = {name: np.array(values) for name, values in inputs.items()}
        return self._engine.run(inputs)


def tapped_brain(bundle: LoadedBundle, robot: RobotConfig, seed: int) -> tuple[Brain, list[Tensors]]:
    """Return the bundle's brain, and the list to which it adds the inputs of every third chunk."""
    foresight, action = _Tapped(bundle.foresight), _Tapped(bundle.action)
    inner = policy_brain(replace(bundle, foresight=foresight, action=action), robot.policy, seed)
    seen: deque[tuple[int, Tensors]] = deque(maxlen=_KEPT_FORESIGHTS)
    rows: list[Tensors] = []
    turns = count(seed % _EVERY)

    def foresee(frames: tuple[Frame, ...], task: str, t_now_ns: int) -> Foresight:
        assert inner.foresee is not None
        made = inner.foresee(frames, task, t_now_ns)
        seen.append((made.sequence, foresight.given))
        return made

    def act(newest: Foresight | None, joints: JointState, task: str, t_now_ns: int) -> ActionChunk | None:
        chunk = inner.act(newest, joints, task, t_now_ns)
        if chunk is not None and newest is not None and next(turns) % _EVERY == 0:
            pictures = next(inputs for sequence, inputs in seen if sequence == newest.sequence)
            rows.append({**pictures, **{name: value for name, value in action.given.items() if name != TOKENS}})
        return chunk

    return replace(inner, foresee=foresee, act=act), rows


@dataclass(slots=True)
class _Worker:
    plan: SimulatorPlan
    robot: RobotConfig
    bundle: LoadedBundle
    lockstep: Lockstep


_worker: _Worker | None = None


def _start_worker(plan: SimulatorPlan) -> None:
    global _worker  # noqa: PLW0603 - one per process of the pool
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches all of the terminal; who started us ends us, without a traceback each
    robot = load_robot(plan.robot_file)
    bundle = open_bundle(plan.bundle, robot, inference=plan.precision)
    _worker = _Worker(plan=plan, robot=robot, bundle=bundle, lockstep=Lockstep(robot, Latencies()))


def _gather_episode(episode: tuple[str, int]) -> list[Tensors]:
    assert _worker is not None
    task, seed = episode
    brain, rows = tapped_brain(_worker.bundle, _worker.robot, seed)
    foresight_ms = float(np.random.default_rng((seed, 4)).uniform(*_FORESIGHT_MS))
    _worker.lockstep.run(brain, task, seed, _worker.plan.time_limit_s, Latencies(foresight_ms=foresight_ms))
    return rows
