"""Which bundles may play on Meta-World, and how one does."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.closed_loop.brains import policy_brain
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Outcome
from bench.metaworld.evaluation import Evaluation, evaluate, open_metaworld_bundle, require_fit
from bench.metaworld.lockstep import play, policy_config
from interfaces.bundle_manifest import BundleManifest, CameraSpec, GraphSpec, load_manifest
from interfaces.engine import Tensors
from interfaces.errors import RefusedError, UnfitError
from runtime.policy.bundle import LoadedBundle
from runtime.policy.inference_choice import Choice
from sim.metaworld import package
from sim.metaworld.tasks import TASKS
from sim.metaworld.world import MetaworldWorld
from tests.sim.metaworld.fake_task import fake_package

ROOT = Path(__file__).parents[3]


class Engine:
    """Gives the picture's mean as tokens, and a way that depends on them and on the noise."""

    def __init__(self, spec: GraphSpec) -> None:
        self.spec = spec

    def run(self, inputs: Tensors) -> Tensors:
        if "workspace" in inputs:
            return {"tokens": np.full((2, 4), inputs["workspace"].mean(), np.float32)}
        away = 0.02 * inputs["noise"] + 1e-4 * inputs["tokens"].mean() + inputs["foresight_age"]
        return {"positions": (inputs["joints"] + away).astype(np.float32)}


@pytest.fixture
def fitting() -> BundleManifest:
    """Return the manifest of another bundle, changed into one that fits."""
    manifest = load_manifest(ROOT / "tests/data/tiny_bundle")
    camera = CameraSpec(name="workspace", width_px=192, height_px=192)
    return replace(manifest, joints=("x", "y", "z", "gripper"), cameras=(camera,), instructions=TASKS[:3])


def test_a_policy_of_the_arm_is_refused() -> None:
    with pytest.raises(UnfitError, match=r"moves joints .*; Meta-World here has x, y, z, gripper"):
        open_metaworld_bundle(ROOT / "tests/data/tiny_bundle")


def test_another_picture_or_task_is_refused(fitting: BundleManifest) -> None:
    require_fit(fitting)
    small = CameraSpec(name="workspace", width_px=64, height_px=64)
    with pytest.raises(UnfitError, match=r"workspace \(64 x 64\); Meta-World here has workspace \(192 x 192\)"):
        require_fit(replace(fitting, cameras=(small,)))
    with pytest.raises(UnfitError, match="has learnt push; Meta-World here has drawer-close"):
        require_fit(replace(fitting, instructions=("push",)))


def test_without_the_package_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise RefusedError("no Meta-World")

    monkeypatch.setattr(package, "_module", missing)
    asked = Evaluation(bundle=None, tasks=TASKS, first_seed=0, n_seeds=1, latencies=Latencies(), workers=1)
    with pytest.raises(RefusedError, match="no Meta-World"):
        next(evaluate(asked))


def test_a_bundle_plays_through_the_stages_of_the_policy_process(
    fitting: BundleManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "_module", fake_package)
    monkeypatch.setattr("sim.metaworld.world.STEPS_MAX", 24)
    opened = LoadedBundle(
        manifest=fitting, running=Choice(fitting.artefacts[0]), foresight=Engine(fitting.foresight),
        action=Engine(fitting.action), foresight_off=0.0, action_off_rad=0.0,
    )  # fmt: skip
    policy, world = policy_config(fitting.foresight_age_max_ms), MetaworldWorld()
    outcomes: list[Outcome] = []
    joints: list[list[float]] = []
    for seed in (0, 0, 1):
        outcomes.append(play(world, policy_brain(opened, policy, seed), Latencies(), "door-open", seed))
        joints.append(world.joints.tolist())
    assert outcomes[0] == outcomes[1]
    assert joints[0] == joints[1] != joints[2]
    assert len(outcomes[0].frame_age_ms) >= 18  # it acts from the first foresight on


@pytest.mark.skipif(importlib.util.find_spec("metaworld") is None, reason="the package metaworld is not installed here")
def test_experts_play_the_package_in_processes_of_their_own() -> None:
    asked = Evaluation(bundle=None, tasks=TASKS[-2:], first_seed=0, n_seeds=1, latencies=Latencies(), workers=1)
    assert {(outcome.task, outcome.success_s is not None) for outcome in evaluate(asked)} == {
        ("plate-slide", True), ("coffee-button", True),
    }  # fmt: skip
