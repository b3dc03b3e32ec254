"""The runs behind the closed-loop gate: every task of a bundle, on the seeds of `forerun eval`, with one artefact and then another.

What is played is the whole loop in lockstep, with the same scenes, latencies and noise for each artefact. A loss is then the artefact's
own, and not that it is faster or slower here. What they are allowed to lose, export/gates/closed_loop.py says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.closed_loop.evaluation import Evaluation, evaluate
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Outcome
from interfaces.bundle_manifest import BundleManifest
from interfaces.progress import Progress
from interfaces.robot_config import RobotConfig
from runtime.policy.inference_choice import Inference
from sim.tasks import TASKS

SEEDS = 100  # a task: two points are two episodes

Successes = dict[str, dict[int, bool]]  # task -> seed -> success


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRun:
    """What to play."""

    robot_file: Path
    bundle: Path
    tasks: tuple[str, ...]
    workers: int
    n_seeds: int = SEEDS
    first_seed: int = 0
    time_limit_s: float = 10.0


def why_not_played(manifest: BundleManifest, robot: RobotConfig) -> str:
    """Return why the simulator cannot play a bundle, "" where it can."""
    strange = [task for task in manifest.instructions if task not in TASKS]
    if strange:
        return f"the simulator has no task {', '.join(strange)}, only {', '.join(TASKS)}"
    if [camera.driver for camera in robot.cameras] != ["simulated"]:
        return f"robot {robot.name} is not the simulated one, with its one camera"
    return ""


def play(run: GateRun, precision: Inference, progress: Progress) -> list[Outcome]:
    """Return the outcomes of all episodes with one artefact, by task and seed; raises as `open_bundle`."""
    evaluation = Evaluation(
        robot_file=run.robot_file,
        bundle=run.bundle,
        brain="policy",
        tasks=run.tasks,
        first_seed=run.first_seed,
        n_seeds=run.n_seeds,
        time_limit_s=run.time_limit_s,
        latencies=Latencies(),
        workers=run.workers,
        precision=precision,
    )
    outcomes: list[Outcome] = []
    succeeded, total = 0, run.n_seeds * len(run.tasks)
    for outcome in evaluate(evaluation):
        outcomes.append(outcome)
        succeeded += outcome.success_s is not None
        progress(len(outcomes), total, f"{precision} in the closed loop: {succeeded} of {len(outcomes)} succeeded")
    return sorted(outcomes, key=lambda outcome: (run.tasks.index(outcome.task), outcome.seed))


def successes(outcomes: Iterable[Outcome]) -> Successes:
    """Return which episodes succeeded, as the gate takes it."""
    found: Successes = {}
    for outcome in outcomes:
        found.setdefault(outcome.task, {})[outcome.seed] = outcome.success_s is not None
    return found
