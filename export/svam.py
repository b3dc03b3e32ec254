"""S-VAM policies that nobody trained, of any size, to try export, quantisation and engines on.

`python -m export.svam --small FOLDER` writes foresight.onnx, action.onnx and samples.npz of a small policy with random weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import nn

from export.onnx_graphs import Arrays, export_graph
from export.torch_policy import TorchPolicy
from export.trained_policy import policy_graphs, torch_policy
from models.svam.action_expert import ActionBlock
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy

TRIAL_JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
TRIAL_INSTRUCTIONS = ("reach", "press", "push", "lift")


def random_policy(config: SvamConfig, seed: int = 0) -> SvamPolicy:
    """Return an untrained policy of any size."""
    torch.manual_seed(seed)
    return enliven(SvamPolicy(config).eval().requires_grad_(requires_grad=False))


def enliven(policy: SvamPolicy) -> SvamPolicy:
    """Return an untrained policy in which every part now has a say in the outputs, as in a trained one."""
    for module in policy.modules():
        if isinstance(module, ActionBlock):  # gates near 0, as fresh ones are, would hide what they gate
            nn.init.normal_(module.modulate.weight, std=0.3 / policy.config.token_dim**0.5)
            nn.init.constant_(module.modulate.bias, 0.5)
    policy.joint_std.fill_(0.8)
    policy.chunk_std.fill_(0.2)
    return policy


def random_samples(config: SvamConfig, n_samples: int, seed: int = 0) -> Arrays:
    """Return samples of all inputs but `tokens`: pictures with large and small shapes in them, joints, ages, noise."""
    draw = np.random.default_rng(seed)
    return {
        config.camera: np.stack([_picture(draw, config.height_px, config.width_px) for _ in range(n_samples)]),
        "instruction": np.eye(config.n_instructions, dtype=np.float32)[draw.integers(config.n_instructions, size=n_samples)],
        "joints": draw.normal(0.0, 0.8, (n_samples, config.n_joints)).astype(np.float32),
        "foresight_age": draw.uniform(0.0, config.foresight_age_max_ms / 1000.0, n_samples).astype(np.float32),
        "noise": draw.standard_normal((n_samples, config.horizon, config.n_joints)).astype(np.float32),
    }  # fmt: skip


def _picture(
    draw: np.random.Generator, height_px: int, width_px: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a picture (height, width, 3): blots of random colours and sizes on a random ground, and grain."""
    picture = np.broadcast_to(draw.uniform(0.0, 255.0, 3), (height_px, width_px, 3)).copy()
    rows, columns = np.mgrid[:height_px, :width_px]
    for _ in range(12):
        row, column, radius = draw.uniform(0, height_px), draw.uniform(0, width_px), draw.uniform(4, height_px / 3)
        picture[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = draw.uniform(0.0, 255.0, 3)
    return np.clip(picture + draw.normal(0.0, 6.0, picture.shape), 0, 255).astype(np.uint8)


def write_graphs(policy: SvamPolicy, samples: Arrays, folder: Path) -> Arrays:
    """Write foresight.onnx and action.onnx to a folder; return the samples with torch's tokens and positions beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    foresight, action = policy_graphs(policy)
    tokens = export_graph(foresight, samples, folder / "foresight.onnx")
    positions = export_graph(action, {**samples, "tokens": tokens}, folder / "action.onnx")
    return {**samples, "tokens": tokens, "positions": positions}


def trial_policy() -> TorchPolicy:
    """Return the small policy with random weights, for trying the whole export: `forerun export export/svam.py:trial_policy ...`."""
    config = SvamConfig.small(joints=TRIAL_JOINTS, instructions=TRIAL_INSTRUCTIONS)
    return torch_policy(random_policy(config), random_samples(config, 8))


def main() -> None:
    """Write a small policy with random weights, and samples with torch's outputs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=Path, required=True, metavar="FOLDER", help="where the files go")
    parser.add_argument("--samples", type=int, default=16, metavar="N", help="how many random samples (default 16)")
    arguments = parser.parse_args()
    config = SvamConfig.small(joints=TRIAL_JOINTS, instructions=TRIAL_INSTRUCTIONS)
    folder: Path = arguments.small
    samples = write_graphs(random_policy(config), random_samples(config, arguments.samples), folder)
    with (folder / "samples.npz").open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **samples)
    Console().print(f"foresight.onnx, action.onnx and samples.npz ({arguments.samples}) are in {folder}")


if __name__ == "__main__":
    main()
