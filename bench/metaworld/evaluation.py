"""Many Meta-World episodes over all cores; each is the same whichever core plays it, and whatever was played before."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.closed_loop.brains import policy_brain
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Outcome
from bench.metaworld.lockstep import play, policy_config
from interfaces.bundle_manifest import BundleManifest
from interfaces.errors import UnfitError
from runtime.policy.bundle import LoadedBundle, open_graphs, read_manifest
from runtime.policy.inference_choice import Inference
from sim.metaworld.expert import Experts
from sim.metaworld.package import require_metaworld
from sim.metaworld.tasks import CAMERA, CAMERA_PX, JOINTS, STEP_NS, TASKS
from sim.metaworld.world import MetaworldWorld

_AT_ONCE = 5  # episodes of one task: a worker that changes the task builds another world


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What to evaluate."""

    bundle: Path | None  # None: the expert, without latencies
    tasks: tuple[str, ...]
    first_seed: int
    n_seeds: int
    latencies: Latencies
    workers: int
    precision: Inference | None = None  # of the bundle's artefact; None: the best for this machine


def open_metaworld_bundle(folder: Path, precision: Inference | None = None) -> LoadedBundle:
    """Return the checked bundle in `folder`; raises UnfitError where it is for something else, and as `open_bundle`."""
    manifest = read_manifest(folder)
    require_fit(manifest)
    return open_graphs(folder, manifest, policy_config(manifest.foresight_age_max_ms), inference=precision)


def require_fit(manifest: BundleManifest) -> None:
    """Refuse a bundle that moves or sees something else, or knows other tasks; raises UnfitError."""
    cameras = [f"{camera.name} ({camera.width_px} x {camera.height_px})" for camera in manifest.cameras]
    _require("moves joints", manifest, manifest.joints, JOINTS)
    _require("sees through camera", manifest, cameras, (f"{CAMERA} ({CAMERA_PX} x {CAMERA_PX})",))
    known = [task for task in manifest.instructions if task in TASKS]
    if len(known) < len(manifest.instructions):
        _require("has learnt", manifest, manifest.instructions, TASKS)


def _require(what: str, manifest: BundleManifest, has: Sequence[str], wanted: Sequence[str]) -> None:
    if tuple(has) != tuple(wanted):
        raise UnfitError(f"bundle {manifest.name} {what} {', '.join(has)}; Meta-World here has {', '.join(wanted)}")


def evaluate(evaluation: Evaluation) -> Iterator[Outcome]:
    """Yield the outcome of each episode, a few at a time, in no order.

    Raises RefusedError where Meta-World's package is missing, and as `open_metaworld_bundle`.
    """
    require_metaworld()  # a pool would start workers that fail for ever
    if evaluation.bundle is not None:
        open_metaworld_bundle(evaluation.bundle, evaluation.precision)
    seeds = range(evaluation.first_seed, evaluation.first_seed + evaluation.n_seeds)
    episodes = [(task, seed) for task in evaluation.tasks for seed in seeds]
    # Spawned, not forked: an OpenGL context does not survive a fork.
    with multiprocessing.get_context("spawn").Pool(evaluation.workers, _start_worker, (evaluation,)) as pool:
        yield from pool.imap_unordered(_run_episode, episodes, chunksize=_AT_ONCE)


_play: Callable[[str, int], Outcome] | None = None


def _start_worker(evaluation: Evaluation) -> None:
    global _play  # noqa: PLW0603 - one per process of the pool
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of the terminal; who started us ends us
    world = MetaworldWorld()
    if evaluation.bundle is None:
        _play = partial(play_expert, world, Experts())
        return
    bundle = open_metaworld_bundle(evaluation.bundle, evaluation.precision)
    policy = policy_config(bundle.manifest.foresight_age_max_ms)

    def play_policy(task: str, seed: int) -> Outcome:
        return play(world, policy_brain(bundle, policy, seed), evaluation.latencies, task, seed)

    _play = play_policy


def play_expert(world: MetaworldWorld, experts: Experts, task: str, seed: int) -> Outcome:
    """Return what became of an episode of the expert, who reads the objects' places from the physics, and is never late."""
    world.reset(task, seed)
    while not (world.succeeded or world.is_over):
        world.step(experts.target(task, world.observation))
    return Outcome(task=task, seed=seed, success_s=world.n_steps * STEP_NS * 1e-9 if world.succeeded else None)


def _run_episode(episode: tuple[str, int]) -> Outcome:
    assert _play is not None
    return _play(*episode)
