"""The small policy, from a finished run of `forerun distill`."""

from __future__ import annotations

from pathlib import Path

from export.onnx_graphs import Graph
from export.torch_policy import TorchPolicy
from interfaces.bundle_manifest import CameraSpec, ChunkSpec
from interfaces.sample_file import read_samples
from models.small_policy import ActionGraph, ForesightGraph, load_policy


def small_policy(run: Path) -> TorchPolicy:
    """Return the policy in the folder `run` (`policy.pt`, `samples.npz`); raises OSError or ConfigError when the run is not finished."""
    policy = load_policy(run / "policy.pt")
    config = policy.config
    return TorchPolicy(
        family="small",
        joints=config.joints,
        instructions=config.instructions,
        cameras=(CameraSpec(name=config.camera, width_px=config.width_px, height_px=config.height_px),),
        chunk=ChunkSpec(horizon=config.horizon, step_ms=config.step_ms, first_ms=config.first_ms),
        foresight_age_max_ms=config.foresight_age_max_ms,
        foresight=Graph(
            name="foresight", network=ForesightGraph(policy), inputs=(config.camera, "instruction"), output="tokens"
        ),
        action=Graph(
            name="action",
            network=ActionGraph(policy),
            inputs=("tokens", "joints", "foresight_age", "noise"),
            output="positions",
        ),
        samples=read_samples(run / "samples.npz"),
    )
