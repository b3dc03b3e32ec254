"""FP16 graphs are typed to the last tensor, keep their inputs and outputs, and compute what the fp32 ones do."""

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.quantise.half import to_half
from export.quantise.half_weights import half_tensor
from export.quantise.layouts import quantise
from export.quantise.ranges import Ranges
from export.tensorrt_rules.check import require_accepted
from interfaces.errors import BundleError, ConfigError
from tests.export.quantise.reading import behind, cosine, node_of, run, weight
from tests.export.quantise.tiny_network import samples


def types(model: ModelProto) -> dict[str, int]:
    """Return the element type of every tensor, inferred anew and strictly."""
    bare = ModelProto.FromString(model.SerializeToString())
    del bare.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True).graph
    values = (*graph.value_info, *graph.input, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}


def test_every_type_fits_and_inputs_and_outputs_stay(tiny: ModelProto) -> None:
    before = tiny.SerializeToString()
    model = to_half(tiny, ())
    assert tiny.SerializeToString() == before
    onnx.checker.check_model(model, full_check=True)
    require_accepted(model, "tiny")
    found = types(model)
    assert [found[name] for name in ("front", "goal", "time", "tokens")] == [
        TensorProto.UINT8,
        *[TensorProto.FLOAT] * 3,
    ]
    for node in model.graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm", "Softmax", "LayerNormalization", "InstanceNormalization"):
            assert found[node.output[0]] == TensorProto.FLOAT16, node.name
    assert not any(
        tensor.data_type == TensorProto.FLOAT for tensor in model.graph.initializer
    )  # nothing reads a weight in float32
    said = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    assert said.items() <= found.items()  # what the graph says of its tensors is true


def test_fp16_computes_what_fp32_does(tiny: ModelProto) -> None:
    given = samples(6, seed=20)
    wanted, got = run(tiny, given), run(to_half(tiny, ()), given)
    assert 0.0 < np.abs(got - wanted).max() < 5e-3
    assert cosine(got, wanted) > 0.99999


def test_kept_nodes_compute_in_float32_and_nothing_between_them_passes_through_fp16(tiny: ModelProto) -> None:
    norm = next(node for node in tiny.graph.node if node.op_type == "LayerNormalization")
    kept = [norm.name, "to_q", "to_k"]
    model = to_half(tiny, kept)
    onnx.checker.check_model(model, full_check=True)
    found = types(model)
    for name in kept:
        assert found[node_of(model, name).output[0]] == TensorProto.FLOAT
    for name in ("to_q", "to_k"):
        made_by = behind(model, node_of(model, name).input[0])
        assert made_by is not None
        assert made_by.name == norm.name
    cast = behind(model, node_of(model, "to_v").input[0])
    assert cast is not None
    assert cast.op_type == "Cast"


def test_an_input_that_only_kept_nodes_read_is_not_cast(tiny: ModelProto) -> None:
    model = to_half(tiny, [node.name for node in tiny.graph.node if "time" in node.input])
    assert not any(node.op_type == "Cast" and "time" in node.input for node in model.graph.node)


def test_scales_are_fp16_and_int8_stays(tiny: ModelProto, tiny_ranges: Ranges) -> None:
    quantised = quantise(tiny, tiny_ranges, "trt-int8", ["conv_1", "conv_2", "to_q"])
    model = to_half(quantised, ())
    onnx.checker.check_model(model, full_check=True)
    require_accepted(model, "tiny")
    scales = [node.input[1] for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert scales
    assert {weight(model, name).dtype for name in scales} == {np.dtype(np.float16)}
    stored = behind(model, node_of(model, "to_q").input[1])
    assert stored is not None
    before = weight(tiny, node_of(tiny, "to_q").input[1])
    values = weight(model, stored.input[0]).astype(np.float32)
    scale = weight(model, stored.input[1]).astype(np.float32)  # by column
    assert np.abs(values * scale - before).max() <= 0.6 * scale.max()  # rounded twice


def test_a_kept_node_keeps_its_q_dq_in_float32(tiny: ModelProto, tiny_ranges: Ranges) -> None:
    model = to_half(quantise(tiny, tiny_ranges, "trt-int8", ["conv_2"]), ["conv_2"])
    onnx.checker.check_model(model, full_check=True)
    stored = behind(model, node_of(model, "conv_2").input[1])
    assert stored is not None
    assert weight(model, stored.input[1]).dtype == np.float32


def test_weights_with_tiny_scales_are_rounded_anew() -> None:
    weights = np.array([[1e-6, -2e-6], [0.5, 0.25]], np.float32)
    scales = (np.abs(weights).max(axis=1) / 127).astype(np.float32)
    model = dequantised_product(np.rint(weights / scales[:, None]).astype(np.int8), scales)
    half = to_half(model, ())
    got = weight(half, "q").astype(np.float32) * weight(half, "s/half").astype(np.float32)[:, None]
    assert (weight(half, "s/half") > 0).all()
    np.testing.assert_allclose(got[1], weights[1], atol=0.6 * 0.5 / 127)
    assert np.abs(got[0] - weights[0]).max() <= 2.0**-18  # half a step of the smallest scale


def dequantised_product(values: NDArray[np.int8], scales: NDArray[np.float32]) -> ModelProto:
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], "dq", axis=0),
            helper.make_node("MatMul", ["x", "w"], ["y"], "product"),
        ],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [
            numpy_helper.from_array(values, "q"),
            numpy_helper.from_array(scales, "s"),
            numpy_helper.from_array(np.zeros(2, np.int8), "z"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_constants_beyond_fp16_become_its_ends() -> None:
    given = np.array([-1e9, 1e9, 1e-12, -1e-12, 0.0, -np.inf, 1.0], np.float32)
    got: NDArray[Any] = numpy_helper.to_array(half_tensor(numpy_helper.from_array(given, "a"), "b"))
    assert got.tolist() == [-65504.0, 65504.0, 2.0**-24, -(2.0**-24), 0.0, -np.inf, 1.0]


def test_what_has_no_fp16_form_is_refused_in_words(tiny: ModelProto) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        to_half(tiny, ["nowhere"])
    foreign = ModelProto.FromString(tiny.SerializeToString())
    node_of(foreign, "stem").domain = "com.example"
    foreign.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(BundleError, match=r"com\.example\.Conv"):
        to_half(foreign, ())
