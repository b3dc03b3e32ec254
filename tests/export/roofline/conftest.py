"""A small network with every kind of product, exported once, and hand-made graphs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from typing_extensions import override

from export.onnx_graphs import OPSET
from export.roofline.tensors import Graph, graph_of


class Mixed(nn.Module):
    """A patch embedding, attention written out, an MLP, a transposed and a grouped convolution."""

    def __init__(self, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.embed = nn.Conv2d(3, width, kernel_size=4, stride=4)
        self.norm = nn.LayerNorm(width)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width, bias=False), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.up = nn.ConvTranspose2d(width, 8, kernel_size=4, stride=2, padding=1, groups=2)
        self.leave = nn.Conv2d(8, 8, kernel_size=3, padding=1, groups=4)

    @override
    def forward(self, picture: Tensor) -> Tensor:
        x = self.embed(picture).flatten(2).transpose(1, 2)  # (1, 64, width)
        y = self.norm(x)
        q, k, v = (self._split(layer(y)) for layer in (self.query, self.key, self.value))
        scores = torch.softmax((q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5, dim=-1)
        x = x + self.out((scores @ v).transpose(1, 2).flatten(2))
        x = x + self.mlp(x)
        return self.leave(self.up(x.transpose(1, 2).reshape(1, -1, 8, 8)))

    def _split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)


PICTURE = (1, 3, 32, 32)


@pytest.fixture(scope="session")
def mixed() -> nn.Module:
    torch.manual_seed(0)
    return Mixed().eval()


@pytest.fixture(scope="session")
def mixed_file(mixed: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("roofline") / "mixed.onnx"
    torch.onnx.export(
        mixed, (torch.zeros(PICTURE),), str(path), input_names=["picture"], output_names=["features"],
        opset_version=OPSET, dynamo=True, external_data=False, verbose=False,
    )  # fmt: skip
    return path


Make = Callable[[list[onnx.NodeProto], dict[str, tuple[int, ...]], dict[str, tuple[int, ...]], list[str]], Graph]


@pytest.fixture
def make() -> Make:
    """Return what makes a graph of nodes, inputs, weights (int8 where their name ends so) and outputs."""

    def made(
        nodes: list[onnx.NodeProto],
        inputs: dict[str, tuple[int, ...]],
        weights: dict[str, tuple[int, ...]],
        outputs: list[str],
    ) -> Graph:
        initializers = [
            helper.make_tensor(
                name,
                TensorProto.INT8 if name.endswith("int8") else TensorProto.FLOAT,
                shape,
                bytes(_size(name, shape)),
                raw=True,
            )
            for name, shape in weights.items()
        ]
        graph = helper.make_graph(
            nodes,
            "made",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        return graph_of(model, "made")

    return made


def _size(name: str, shape: tuple[int, ...]) -> int:
    n_elements = 1
    for length in shape:
        n_elements *= length
    return n_elements * (1 if name.endswith("int8") else 4)
