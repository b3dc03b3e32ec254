"""Multiply-accumulates are those that torch counts for itself, and what is not counted is refused."""

from pathlib import Path

import pytest
import torch
from onnx import helper
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from export.roofline.count import count
from export.roofline.operations import require_counted
from export.roofline.tensors import graph_of, read_graph
from interfaces.errors import BundleError

SHIPPED = Path(__file__).parents[3] / "robots/bundles/so101-small"


def test_macs_are_those_that_torch_counts(mixed: nn.Module, mixed_file: Path) -> None:
    with FlopCounterMode(display=False) as counter:
        mixed(torch.zeros(1, 3, 32, 32))
    by_operator = {str(operator): flops // 2 for operator, flops in counter.get_flop_counts()["Global"].items()}
    layers = count(read_graph(mixed_file))
    by_kind = {
        kind: sum(layer.macs for layer in layers if layer.kind == kind) for kind in ("conv", "linear", "attention")
    }
    assert by_kind["conv"] == by_operator["aten.convolution"] > 0
    assert by_kind["attention"] == by_operator["aten.bmm"] > 0
    assert sum(by_kind.values()) == counter.get_total_flops() // 2


def test_the_shipped_policy_has_the_macs_of_its_layers() -> None:
    # By hand, from models/small_policy.py: out pixels x out channels x in channels x kernel.
    stem = 60 * 60 * 24 * 3 * 25 + 30 * 30 * 48 * 24 * 9
    convolutions = 2 * 30 * 30 * 48 * 48 * 9 + 30 * 30 * 32 * 48 + 6 * 6 * 16 * 48 * 25
    layers = count(read_graph(SHIPPED / "foresight.fp32.onnx"))
    assert sum(layer.macs for layer in layers if layer.kind == "conv") == stem + convolutions


def test_what_is_not_counted_is_refused() -> None:
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], name="memory", hidden_size=2)
    model = helper.make_model(helper.make_graph([node], "g", [], []))
    with pytest.raises(BundleError, match="node memory is LSTM, whose operations are not counted"):
        require_counted(graph_of(model, "g"))
    node = helper.make_node("FusedConv", ["x", "w"], ["y"], name="fused", domain="com.microsoft")
    model = helper.make_model(helper.make_graph([node], "g", [], []))
    with pytest.raises(BundleError, match="expected a graph that ONNX can follow"):
        graph_of(model, "g")
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(BundleError, match=r"fused is com\.microsoft\.FusedConv"):
        require_counted(graph_of(model, "g"))
