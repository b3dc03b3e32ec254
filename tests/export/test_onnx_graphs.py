"""Graphs are written as they were trained, and tell nothing of the machine they were made on."""

from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from typing_extensions import override

from export.onnx_graphs import Graph, export_graph


class Doubled(nn.Module):
    @override
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2.0 * x


def test_a_graph_says_what_torch_says_and_nothing_of_where_it_was_exported(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    path = tmp_path / "doubled.onnx"
    wanted = export_graph(Graph(name="doubled", network=Doubled(), inputs=("x",), output="y"), {"x": x}, path)
    np.testing.assert_allclose(wanted, 2 * x)
    assert str(Path(__file__).parent).encode() not in path.read_bytes()
    assert not any(node.metadata_props for node in onnx.load(path).graph.node)


def test_the_shipped_graphs_name_no_folder() -> None:
    for path in (Path(__file__).parents[2] / "robots").glob("bundles/*/*.onnx"):
        assert b"stack_trace" not in path.read_bytes(), path
