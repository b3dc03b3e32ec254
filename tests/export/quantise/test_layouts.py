"""The rules of both INT8 layouts, read from the graphs, and that the graphs compute what the fp32 one does."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto

from export.quantise.blocks import Layout, blocks_of
from export.quantise.layouts import quantise
from export.quantise.ranges import Ranges, measure_ranges
from export.tensorrt_rules.check import require_accepted
from interfaces.errors import ConfigError
from interfaces.progress import silent
from tests.data.make_tiny_svam import filled
from tests.export.quantise.reading import behind, cosine, node_of, run, weight
from tests.export.quantise.tiny_network import samples

DEFAULT = ("conv_1", "conv_2", "enter", "to_q", "to_k", "to_v", "out")


def dequantised(model: ModelProto, tensor: str) -> NodeProto:
    """Return the DQ that makes a tensor."""
    node = behind(model, tensor)
    assert node is not None
    assert node.op_type == "DequantizeLinear", tensor
    return node


def scale_names(model: ModelProto) -> set[str]:
    return {node.input[1] for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")}


def test_trt_int8_has_signed_symmetric_q_dq_on_the_inputs_and_nothing_else(
    tiny: ModelProto, tiny_ranges: Ranges
) -> None:
    model = quantise(tiny, tiny_ranges, "trt-int8", DEFAULT)
    onnx.checker.check_model(model, full_check=True)
    require_accepted(model, "tiny")
    for name in DEFAULT:
        node = node_of(model, name)
        activation = dequantised(model, node.input[0])
        assert weight(model, activation.input[1]).shape == ()  # per tensor
        stored = dequantised(model, node.input[1])
        values = weight(model, stored.input[0])
        assert values.dtype == np.int8
        assert np.abs(values).max() == 127
        axis = next(attribute.i for attribute in stored.attribute if attribute.name == "axis")
        assert weight(model, stored.input[1]).shape == (values.shape[axis],)  # per channel
        assert axis == (0 if node.op_type == "Conv" else 1)
        readers = [reader.op_type for reader in model.graph.node if node.output[0] in reader.input]
        assert "QuantizeLinear" not in readers or name == "conv_1"  # outputs are not quantised
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero_point = weight(model, node.input[2])
            assert zero_point.dtype == np.int8
            assert not zero_point.any()
    assert not any(tensor.data_type == TensorProto.INT32 for tensor in model.graph.initializer)


def test_trt_int8_quantises_the_skip_of_a_residual_and_only_for_the_sum(tiny: ModelProto, tiny_ranges: Ranges) -> None:
    model = quantise(tiny, tiny_ranges, "trt-int8", ["conv_2"])
    conv = node_of(model, "conv_2")
    total = next(node for node in model.graph.node if node.op_type == "Add" and conv.output[0] in node.input)
    skip = next(name for name in total.input if name != conv.output[0])
    assert weight(model, dequantised(model, skip).input[1]).shape == ()
    alone = quantise(tiny, tiny_ranges, "trt-int8", ["conv_1"])  # what it reads is also the skip of another sum
    assert dequantised(alone, node_of(alone, "conv_1").input[0])
    read = node_of(tiny, "conv_1").input[0]
    others = [node for node in alone.graph.node if read in node.input and node.op_type == "Add"]
    assert others, "the residual sum behind the norm reads the float tensor"


def test_kept_parts_are_read_as_they_were(tiny: ModelProto, tiny_ranges: Ranges) -> None:
    for layout in ("trt-int8", "cpu-int8"):
        model = quantise(tiny, tiny_ranges, layout, DEFAULT)
        for operator in ("Softmax", "Sin", "Cos"):
            node = next(node for node in model.graph.node if node.op_type == operator)
            made_by = behind(model, node.input[0])
            assert made_by is None or made_by.op_type != "DequantizeLinear"
        for name in ("stem", "time", "goal", "leave"):
            node = node_of(model, name)
            assert node.input[1] in {tensor.name for tensor in model.graph.initializer}
            made_by = behind(model, node.input[0])
            assert made_by is None or made_by.op_type != "DequantizeLinear"


def test_cpu_int8_is_unsigned_with_outputs_of_convolutions_and_int32_biases(
    tiny: ModelProto, tiny_ranges: Ranges
) -> None:
    model = quantise(tiny, tiny_ranges, "cpu-int8", DEFAULT)
    conv = node_of(model, "conv_1")
    assert weight(model, dequantised(model, conv.input[0]).input[2]).dtype == np.uint8
    assert weight(model, dequantised(model, conv.input[1]).input[0]).dtype == np.int8
    assert weight(model, dequantised(model, conv.input[2]).input[0]).dtype == np.int32
    readers = [node.op_type for node in model.graph.node if conv.output[0] in node.input]
    assert readers == ["QuantizeLinear"]
    linear = node_of(model, "enter")
    assert linear.op_type == "Gemm"  # with its bias inside
    assert all("Quantize" not in node.op_type for node in model.graph.node if linear.output[0] in node.input)


@pytest.mark.parametrize("layout", ["trt-int8", "cpu-int8"])
def test_both_layouts_compute_what_fp32_does(tiny: ModelProto, tiny_ranges: Ranges, layout: Layout) -> None:
    before = tiny.SerializeToString()
    model = quantise(tiny, tiny_ranges, layout, DEFAULT)
    assert tiny.SerializeToString() == before  # the fp32 graph stays as it is
    assert [value.name for value in model.graph.input] == ["front", "goal", "time"]
    assert model.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    assert model.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
    given = samples(12, seed=2)
    wanted, got = run(tiny, given), run(model, given)
    assert cosine(got, wanted) > 0.998
    assert 0.0 < np.abs(got - wanted).max() < 0.05 * np.abs(wanted).max()


@pytest.mark.parametrize("layout", ["trt-int8", "cpu-int8"])
def test_with_nothing_quantised_the_values_are_those_of_fp32(
    tiny: ModelProto, tiny_ranges: Ranges, layout: Layout
) -> None:
    model = quantise(tiny, tiny_ranges, layout, ())
    given = samples(4, seed=3)
    np.testing.assert_allclose(run(model, given), run(tiny, given), atol=1e-5)
    assert not scale_names(model)


def test_attention_products_are_quantised_when_asked_for(tiny: ModelProto, tiny_ranges: Ranges) -> None:
    products = [block.name for block in blocks_of(tiny) if block.kind == "product"]
    for layout in ("trt-int8", "cpu-int8"):
        model = quantise(tiny, tiny_ranges, layout, products)
        for name in products:
            assert {dequantised(model, tensor).op_type for tensor in node_of(model, name).input} == {"DequantizeLinear"}
        assert cosine(run(model, samples(4, seed=4)), run(tiny, samples(4, seed=4))) > 0.99


def test_a_name_that_is_no_block_is_refused_with_those_near_it(tiny: ModelProto, tiny_ranges: Ranges) -> None:
    with pytest.raises(ConfigError, match="conv_1"):
        quantise(tiny, tiny_ranges, "trt-int8", ["conv_11"])


@pytest.mark.slow
def test_an_s_vam_runs_in_both_layouts() -> None:
    model = filled("foresight")
    rng = np.random.default_rng(5)
    given: dict[str, Any] = {}
    for value in model.graph.input:
        shape = [2, *(dim.dim_value for dim in value.type.tensor_type.shape.dim)]
        picture = value.type.tensor_type.elem_type == TensorProto.UINT8
        numbers = rng.integers(0, 256, shape) if picture else rng.standard_normal(shape)
        given[value.name] = numbers.astype(np.uint8 if picture else np.float32)
    ranges = measure_ranges(model, given, silent)
    wanted = run(model, given)
    for layout in ("trt-int8", "cpu-int8"):
        # All convolutions on the processor, too: among them are sums that ONNX Runtime fuses into integer ones.
        names = [block.name for block in blocks_of(model, "trt-int8") if block.kept_because is None]
        assert cosine(run(quantise(model, ranges, layout, names), given), wanted) > 0.95
