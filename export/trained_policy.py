"""Any trained policy as its two graphs: what the families share is all that an export needs to know."""

from __future__ import annotations

from pathlib import Path

from export.onnx_graphs import Arrays, Graph
from export.torch_policy import TorchPolicy
from interfaces.bundle_manifest import CameraSpec, ChunkSpec
from interfaces.sample_file import read_samples
from models.families import family_name, load_policy
from models.graphs import ActionGraph, ForesightGraph
from models.policy import Policy

CHECKPOINT, SAMPLES = "policy.pt", "samples.npz"


def policy_graphs(policy: Policy) -> tuple[Graph, Graph]:
    """Return the foresight and the action graph of a policy."""
    inputs = (policy.config.camera, "instruction")
    foresight = Graph(name="foresight", network=ForesightGraph(policy), inputs=inputs, output="tokens")
    told = ("tokens", "joints", "foresight_age", "noise")
    action = Graph(name="action", network=ActionGraph(policy), inputs=told, output="positions")
    return foresight, action


def trained_policy(run: Path) -> TorchPolicy:
    """Return the policy in the folder `run` (`policy.pt`, `samples.npz`); raises OSError or ConfigError when the run is not finished."""
    policy = load_policy(run / CHECKPOINT).requires_grad_(requires_grad=False)
    return torch_policy(policy, read_samples(run / SAMPLES))


def torch_policy(policy: Policy, samples: Arrays) -> TorchPolicy:
    """Return a policy as its author hands it over, with real inputs of both graphs but the tokens."""
    config = policy.config
    foresight, action = policy_graphs(policy)
    camera = CameraSpec(
        name=config.camera, width_px=config.width_px, height_px=config.height_px,
        n_history=config.n_history, history_step_ms=config.history_step_ms,
    )  # fmt: skip
    return TorchPolicy(
        family=family_name(policy),
        joints=config.joints,
        instructions=config.instructions,
        cameras=(camera,),
        chunk=ChunkSpec(horizon=config.horizon, step_ms=config.step_ms, first_ms=config.first_ms),
        foresight_age_max_ms=config.foresight_age_max_ms,
        foresight=foresight,
        action=action,
        samples=samples,
    )
