"""Bytes are those at the stored precision, of graphs that are quantised and of graphs that are only taken to be."""

from pathlib import Path

import pytest
from onnx import TensorProto, helper

from export.roofline.count import count
from export.roofline.tensors import read_graph
from tests.export.roofline.conftest import Make


def test_quantised_tensors_are_read_as_8_bits(make: Make) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["relu"]),
        helper.make_node("QuantizeLinear", ["relu", "scale"], ["relu_int8"], output_dtype=TensorProto.INT8),
        helper.make_node("DequantizeLinear", ["relu_int8", "scale"], ["input"]),
        helper.make_node("DequantizeLinear", ["w_int8", "scale"], ["weights"]),
        helper.make_node("Conv", ["input", "weights", "bias"], ["y"]),
    ]
    graph = make(nodes, {"x": (1, 8, 4, 4)}, {"w_int8": (2, 8, 1, 1), "scale": (), "bias": (2,)}, ["y"])
    relu, conv = count(graph)
    assert (relu.kind, relu.written_bytes) == ("element-wise", 8 * 16)
    assert (conv.kind, conv.precision, conv.macs) == ("conv", "int8", 2 * 16 * 8)
    assert (conv.weights_bytes, conv.read_bytes, conv.written_bytes) == (2 * 8 + 4 * 2, 8 * 16, 4 * 2 * 16)


def test_weights_alone_in_8_bits_make_no_8_bit_product(make: Make) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["w_int8", "scale"], ["weights"]),
        helper.make_node("MatMul", ["x", "weights"], ["y"]),
    ]
    (layer,) = count(make(nodes, {"x": (3, 8)}, {"w_int8": (8, 5), "scale": ()}, ["y"]))
    assert (layer.precision, layer.macs, layer.weights_bytes) == ("fp32", 3 * 8 * 5, 8 * 5)


def test_as_if_in_fp16_everything_inside_takes_half(mixed_file: Path) -> None:
    graph = read_graph(mixed_file)
    full, half = count(graph), count(graph, "fp16")
    assert {layer.precision for layer in half} == {"fp16"}
    assert sum(layer.weights_bytes for layer in half) == sum(layer.weights_bytes for layer in full) / 2
    outside = 4.0 * (3 * 32 * 32 + 8 * 16 * 16)  # picture and features stay
    moved = [sum(layer.read_bytes + layer.written_bytes for layer in layers) for layers in (full, half)]
    assert moved[1] - outside == pytest.approx((moved[0] - outside) / 2)


def test_as_if_in_int8_weights_take_a_quarter_and_attention_stays(mixed_file: Path) -> None:
    graph = read_graph(mixed_file)
    layers = count(graph, "int8")
    assert {(layer.kind, layer.precision) for layer in layers if layer.macs} == {
        ("conv", "int8"), ("linear", "int8"), ("attention", "fp16"),
    }  # fmt: skip
    full = {layer.name: layer for layer in count(graph)}
    value = next(layer for layer in layers if layer.kind == "linear" and not layer.element_wise)  # it has no bias
    assert value.weights_bytes == full[value.name].weights_bytes / 4 == 32 * 32
    assert value.read_bytes == 64 * 32  # the norm before it is read by linear layers only: written in 8 bits
    assert value.written_bytes == 2 * 64 * 32  # for attention
