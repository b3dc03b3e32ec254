"""A uint8 picture is cast before anything else, and the graph computes what it did."""

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from export.quantise.cast_first import cast_first
from interfaces.errors import BundleError
from tests.export.quantise.reading import run
from tests.export.quantise.tiny_network import samples


def test_the_only_reader_of_a_picture_is_its_cast(tiny: ModelProto) -> None:
    model = ModelProto.FromString(tiny.SerializeToString())
    assert [node.op_type for node in model.graph.node if "front" in node.input] != ["Cast"]
    cast_first(model)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node if "front" in node.input] == ["Cast"]
    assert sum(node.op_type == "Cast" for node in model.graph.node) == 1
    given = samples(3, seed=30)
    np.testing.assert_array_equal(run(model, given), run(tiny, given))
    once = model.SerializeToString()
    cast_first(model)
    assert model.SerializeToString() == once


def test_what_computes_on_bytes_is_named() -> None:
    graph = helper.make_graph(
        [helper.make_node("Add", ["front", "front"], ["y"], "sum_of_bytes")],
        "bytes",
        [helper.make_tensor_value_info("front", TensorProto.UINT8, [2])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, [2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    with pytest.raises(BundleError, match="sum_of_bytes"):
        cast_first(model)
