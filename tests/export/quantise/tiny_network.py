"""A small network with everything that quantisation must tell apart: convolutions, norms, a residual, attention, a time embedding."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import ModelProto
from torch import Tensor, nn
from typing_extensions import override

from export.onnx_graphs import strip_traces
from interfaces.sample_file import Samples

WIDTH, DIM, TOKENS = 16, 32, 36


class TinyNetwork(nn.Module):
    """Picture uint8 (24, 28, 3), goal (4,), time () -> tokens (4, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTH, kernel_size=3, stride=2, padding=1)
        self.conv_1 = nn.Conv2d(WIDTH, WIDTH, kernel_size=3, padding=1)
        self.norm = nn.GroupNorm(4, WIDTH)
        self.conv_2 = nn.Conv2d(WIDTH, WIDTH, kernel_size=3, padding=1)
        self.enter = nn.Linear(WIDTH, DIM)
        self.layer_norm = nn.LayerNorm(DIM)
        self.to_q, self.to_k, self.to_v = (nn.Linear(DIM, DIM, bias=False) for _ in range(3))
        self.out = nn.Linear(DIM, DIM)
        self.time = nn.Linear(8, DIM)
        self.goal = nn.Linear(4, DIM)
        self.leave = nn.Linear(DIM, 8)

    @override
    def forward(self, front: Tensor, goal: Tensor, time: Tensor) -> Tensor:
        picture = front[None, :, 2:26].permute(0, 3, 1, 2).float() / 255.0
        picture = (nn.functional.avg_pool2d(picture, 2) - 0.5) * 4.0  # (1, 3, 12, 12)
        x = nn.functional.silu(self.stem(picture))  # (1, WIDTH, 6, 6)
        x = x + nn.functional.silu(self.norm(self.conv_1(x)))
        x = x + self.conv_2(x)
        tokens = self.enter(x.flatten(2).transpose(1, 2))  # (1, TOKENS, DIM)
        waves = time * torch.tensor([1.0, 2.0, 4.0, 8.0])
        tokens = tokens + self.time(torch.cat([waves.sin(), waves.cos()])[None]) + self.goal(goal[None])
        normal = self.layer_norm(tokens)
        q, k, v = self.to_q(normal), self.to_k(normal), self.to_v(normal)
        tokens = tokens + self.out((q @ k.transpose(1, 2) * DIM**-0.5).softmax(-1) @ v)
        return self.leave(nn.functional.gelu(tokens))[0, :4]


def samples(n: int, seed: int) -> Samples:
    """Return random inputs: patches of colour, so that a picture is no noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 6, 7, 3), dtype=np.uint8)
    return {
        "front": coarse.repeat(4, axis=1).repeat(4, axis=2),
        "goal": np.eye(4, dtype=np.float32)[rng.integers(0, 4, n)],
        "time": rng.uniform(0.0, 1.0, n).astype(np.float32),
    }


def export_tiny_network(path: Path) -> ModelProto:
    """Write the network to `path` as the exporter does, and return it."""
    torch.manual_seed(7)
    network = TinyNetwork().eval()
    example = tuple(torch.from_numpy(np.asarray(value[0])) for value in samples(1, 0).values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network, example, str(path), input_names=["front", "goal", "time"], output_names=["tokens"],
            opset_version=20, dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip
    strip_traces(path)
    return onnx.load(path)
