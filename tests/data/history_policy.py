"""A policy without weights that looks back: how the picture changed turns the arm. For `forerun export FILE:policy`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from export.onnx_graphs import Graph
from export.torch_policy import TorchPolicy
from interfaces.bundle_manifest import CameraSpec, ChunkSpec

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
INSTRUCTIONS = ("reach", "push")
CAMERA = CameraSpec(name="front", width_px=424, height_px=240, n_history=3, history_step_ms=100.0)
HORIZON = 8


class Look(nn.Module):
    """front uint8 (3, 240, 424, 3), instruction (2,) -> tokens (3, 18): how bright each picture is, patch by patch."""

    @override
    def forward(self, front: Tensor, instruction: Tensor) -> Tensor:
        patches = front.float()[..., 1].reshape(3, 4, 60, 4, 106).mean((2, 4)) / 255.0
        return torch.cat((patches.reshape(3, 16), instruction.expand(3, 2)), dim=1)


class Act(nn.Module):
    """Turns every joint by what changed between the oldest picture and the newest."""

    @override
    def forward(self, tokens: Tensor, joints: Tensor, foresight_age: Tensor, noise: Tensor) -> Tensor:
        changed = (tokens[2] - tokens[0]).abs().mean() + 0.1 * foresight_age
        ramp = torch.arange(1, HORIZON + 1)[:, None] / HORIZON
        return joints[None] + 0.3 * ramp * (0.1 + changed) + 0.001 * noise


def policy() -> TorchPolicy:
    """Return the policy with a few made-up samples."""
    rng = np.random.default_rng(8)
    n_samples = 3
    return TorchPolicy(
        family="looking-back",
        joints=JOINTS,
        instructions=INSTRUCTIONS,
        cameras=(CAMERA,),
        chunk=ChunkSpec(horizon=HORIZON, step_ms=50.0, first_ms=50.0),
        foresight_age_max_ms=500.0,
        foresight=Graph(name="foresight", network=Look(), inputs=("front", "instruction"), output="tokens"),
        action=Graph(
            name="action", network=Act(), inputs=("tokens", "joints", "foresight_age", "noise"), output="positions"
        ),
        samples={
            "front": rng.integers(0, 256, (n_samples, *CAMERA.shape), np.uint8),
            "instruction": np.eye(2, dtype=np.float32)[rng.integers(2, size=n_samples)],
            "joints": rng.normal(0.0, 0.5, (n_samples, 6)).astype(np.float32),
            "foresight_age": rng.uniform(0.0, 0.4, n_samples).astype(np.float32),
            "noise": rng.standard_normal((n_samples, HORIZON, 6), np.float32),
        },
    )
