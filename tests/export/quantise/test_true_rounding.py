"""FP16 values are quantised to the nearest integer, whatever this version of ONNX Runtime makes of them."""

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.quantise.graph_run import GraphRun
from export.quantise.true_rounding import with_true_rounding

SCALE = np.float16(0.1)


def graph(element: int) -> ModelProto:
    """X float32 (1000,) -> its INT8 form, quantised in the type `element`, and back as float32."""
    dtype = helper.tensor_dtype_to_np_dtype(element)
    body = helper.make_graph(
        [
            helper.make_node("Cast", ["x"], ["typed"], to=element),
            helper.make_node("QuantizeLinear", ["typed", "scale", "zero"], ["q"], name="q"),
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["back"]),
            helper.make_node("Cast", ["back"], ["y"], to=TensorProto.FLOAT),
        ],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1000])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1000])],
        [
            numpy_helper.from_array(np.asarray(SCALE, dtype), "scale"),
            numpy_helper.from_array(np.array(0, np.int8), "zero"),
        ],
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture
def x() -> NDArray[np.float32]:
    values = np.random.default_rng(0).normal(size=(1, 1000)) * 4
    return values.astype(np.float16).astype(np.float32)


@pytest.mark.parametrize("element", [TensorProto.FLOAT16, TensorProto.FLOAT])
def test_the_nearest_integer_is_taken(element: int, x: NDArray[np.float32]) -> None:
    levels = np.clip(np.round(x.astype(np.float64) / float(SCALE)), -128, 127)
    found = GraphRun(graph(element), integer_kernels=False).run({"x": x})["y"]
    np.testing.assert_allclose(found, levels * float(SCALE), rtol=2e-3)  # FP16's own rounding of what comes back


def test_the_graph_that_is_shipped_stays_as_it_is() -> None:
    model = graph(TensorProto.FLOAT16)
    before = model.SerializeToString()
    assert [node.op_type for node in with_true_rounding(model).graph.node].count("Cast") == 4
    assert model.SerializeToString() == before


def test_a_graph_without_such_rounding_is_not_copied() -> None:
    model = graph(TensorProto.FLOAT)
    assert with_true_rounding(model) is model
