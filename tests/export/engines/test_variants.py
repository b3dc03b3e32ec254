"""Graphs derived on the robot compute what they say: the same numbers as the graph they come from, but for what was taken out."""

from collections import Counter
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.engines.variants import in_fp32, only, quantised
from interfaces.errors import BundleError
from interfaces.sample_file import Samples

_ort = cast("Any", onnxruntime)  # partly typed

Models = dict[tuple[str, str], ModelProto]


def run(model: ModelProto, samples: Samples) -> NDArray[np.float64]:
    options = _ort.SessionOptions()
    options.graph_optimization_level = _ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # every node as it stands
    options.intra_op_num_threads = 1
    session = _ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names: list[str] = [node.name for node in session.get_inputs()]
    rows = [session.run(None, {name: samples[name][row, ...] for name in names})[0] for row in range(8)]
    return np.stack([np.asarray(row, np.float64) for row in rows])


def copied(model: ModelProto) -> ModelProto:
    return ModelProto.FromString(model.SerializeToString())


def operators(model: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def stored(model: ModelProto) -> set[int]:
    return {tensor.data_type for tensor in model.graph.initializer}


def test_what_is_quantised_is_counted(models: Models) -> None:
    found = quantised(models["trt-int8", "foresight"])
    assert (found.convs, found.linears, found.half_scales) == (2, 1, True)
    assert not quantised(models["trt-int8-fp32", "foresight"]).half_scales
    plain = quantised(models["fp16", "foresight"])
    assert (plain.convs, plain.linears) == (0, 0)


def test_int8_in_fp32_is_what_the_quantiser_makes_in_fp32(models: Models, samples: Samples) -> None:
    derived = copied(models["trt-int8", "foresight"])
    in_fp32(derived)
    assert TensorProto.FLOAT16 not in stored(derived)
    assert operators(derived) == operators(models["trt-int8", "foresight"])
    # Scales that were rounded to FP16 are kept, so it differs a little from one that never was.
    np.testing.assert_allclose(run(derived, samples), run(models["trt-int8-fp32", "foresight"], samples), atol=0.05)


def test_fp16_in_fp32_computes_the_fp32_graph_with_rounded_weights(models: Models, samples: Samples) -> None:
    derived = copied(models["fp16", "action"])
    in_fp32(derived)
    onnx.checker.check_model(derived, full_check=True)
    reference = copied(models["fp32", "action"])
    for tensor in reference.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            rounded = numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))
    np.testing.assert_array_equal(run(derived, samples), run(reference, samples))


@pytest.mark.parametrize(("kind", "convs", "linears", "pairs"), [("conv", 2, 0, 3), ("linear", 0, 1, 1)])
def test_only_one_kind_stays_quantised(models: Models, kind: str, convs: int, linears: int, pairs: int) -> None:
    derived = copied(models["trt-int8", "foresight"])
    only(derived, "conv" if kind == "conv" else "linear")
    onnx.checker.check_model(derived, full_check=True)
    found = quantised(derived)
    assert (found.convs, found.linears) == (convs, linears)
    assert operators(derived)["QuantizeLinear"] == pairs  # the skip connection belongs to the convolutions
    used = {name for node in derived.graph.node for name in node.input}
    assert {tensor.name for tensor in derived.graph.initializer} <= used


@pytest.mark.parametrize("kind", ["conv", "linear"])
def test_weights_taken_out_are_the_very_numbers_that_were_stored(models: Models, samples: Samples, kind: str) -> None:
    derived, source = copied(models["trt-int8-fp32", "foresight"]), models["trt-int8-fp32", "foresight"]
    only(derived, "conv" if kind == "conv" else "linear")
    # The same graph made the other way round: the activations of the other kind pass unquantised, its weights through their
    # DequantizeLinear as before.
    reference = copied(source)
    made_by = {node.output[0]: node for node in reference.graph.node}
    other = {"MatMul"} if kind == "conv" else {"Conv", "Add"}
    for node in reference.graph.node:
        if node.op_type in other:
            for index, name in enumerate(node.input):
                pair = made_by.get(name)
                quantise = (
                    made_by.get(pair.input[0]) if pair is not None and pair.op_type == "DequantizeLinear" else None
                )
                if quantise is not None:
                    node.input[index] = quantise.input[0]
    np.testing.assert_array_equal(run(derived, samples), run(reference, samples))


def test_taking_out_both_kinds_leaves_no_quantisation(models: Models, samples: Samples) -> None:
    derived = copied(models["trt-int8", "foresight"])
    only(derived, "conv")
    only(derived, "linear")
    assert not {"QuantizeLinear", "DequantizeLinear"} & operators(derived).keys()
    assert TensorProto.INT8 not in stored(derived)
    np.testing.assert_allclose(run(derived, samples), run(models["fp32", "foresight"], samples), atol=0.1)


def test_float_weights_behind_a_pair_are_used_as_they_are() -> None:
    """Some quantisers leave weights in floats, with QuantizeLinear and DequantizeLinear behind them."""
    weights = np.array([[0.3, -0.2], [0.1, 0.4]], np.float32)
    constants = {"w": weights, "s": np.array(0.01, np.float32), "z": np.array(0, np.int8)}
    graph = helper.make_graph(
        [
            helper.make_node("QuantizeLinear", ["w", "s", "z"], ["wq"]),
            helper.make_node("DequantizeLinear", ["wq", "s", "z"], ["wd"]),
            helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
            helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
            helper.make_node("MatMul", ["xd", "wd"], ["y"]),
        ],
        "float_weights",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 2))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    only(model, "conv")
    assert [list(node.input) for node in model.graph.node] == [["x", "w"]]
    assert [tensor.name for tensor in model.graph.initializer] == ["w"]


def test_a_half_input_is_refused(models: Models) -> None:
    model = copied(models["fp16", "action"])
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    with pytest.raises(BundleError, match="tokens is float16"):
        in_fp32(model)


def test_a_scale_that_is_computed_is_refused(models: Models) -> None:
    model = copied(models["trt-int8", "action"])
    dequantise = next(node for node in model.graph.node if node.op_type == "DequantizeLinear")
    dequantise.input[1] = "joints"
    with pytest.raises(BundleError, match="joints: a scale or quantised weight that is no constant"):
        quantised(model)
