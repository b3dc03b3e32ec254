"""The Q/DQ that TensorRT 10.3 takes passes, and everything else is named with the node."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto

from export.tensorrt_rules.check import check_graph
from tests.export.tensorrt_rules.small_graphs import (
    CHANNELS,
    GOOD,
    PICTURE,
    QuantisedConvolution,
    graph,
    node,
    quantised_linear,
)


def rules(model: ModelProto) -> set[tuple[str, str]]:
    return {(finding.rule, finding.node) for finding in check_graph(model)}


def test_symmetric_int8_with_a_scale_a_channel_is_accepted() -> None:
    assert check_graph(GOOD.model()) == []


@pytest.mark.parametrize(
    ("change", "rule", "where"),
    [
        ({"zero_point": np.int8(3)}, "zero-point", "make_q"),
        ({"zero_point": np.uint8(128)}, "int8", "make_q"),
        ({"zero_point": np.uint8(0)}, "int8", "make_dq"),  # TensorRT only warns
        ({"zero_point": np.zeros(2, np.int8)}, "zero-point", "make_q"),
        ({"scale": np.float32(0)}, "scale", "make_q"),
        ({"scale": np.float32(-1)}, "scale", "make_dq"),
        ({"scale": np.float32("nan")}, "scale", "make_q"),
        ({"weight_zero_point": 7}, "zero-point", "make_w"),
        ({"axis": 1}, "weight-axis", "make_w"),  # and TensorRT-RTX builds it: tests/export/test_rtx_build.py
        ({"axis": 2}, "weight-axis", "make_w"),
        ({"weight_scales": 3}, "weight-axis", "make_w"),
        ({"kernel_shape": False}, "form of Conv", "make_y"),
        ({"int32_bias": True}, "int8", "make_b"),
        ({"int32_bias": True}, "bias", "make_y"),
    ],
)
def test_what_is_not_so_is_named(change: dict[str, Any], rule: str, where: str) -> None:
    assert (rule, where) in rules(replace(GOOD, **change).model())


def test_a_weight_of_one_scale_has_no_axis_to_be_wrong() -> None:
    assert check_graph(QuantisedConvolution(weight_scales=1, axis=1).model()) == []


@pytest.mark.parametrize(
    ("operator", "form", "axis"),
    [
        ("MatMul", {}, 1),
        ("Gemm", {}, 1),
        ("Gemm", {"transpose_b": 1}, 0),
        ("MatMul", {"through_transpose": True}, 0),
    ],
)
def test_the_output_channels_of_a_linear_layer_are_where_its_transposes_put_them(
    operator: str, form: dict[str, Any], axis: int
) -> None:
    assert check_graph(quantised_linear(operator, axis, **form)) == []
    assert rules(quantised_linear(operator, 1 - axis, **form)) == {("weight-axis", "make_w")}


def test_an_activation_takes_one_scale() -> None:
    many = {"scale": np.full(CHANNELS, 0.05, np.float32), "zero": np.zeros(CHANNELS, np.int8)}
    nodes = [node("QuantizeLinear", "x scale zero", "q"), node("DequantizeLinear", "q scale zero", "y")]
    assert rules(graph(nodes, many)) == {("per-tensor", "make_q"), ("per-tensor", "make_y")}


def test_a_quantised_tensor_is_read_by_a_dequantisation_of_the_same_scale() -> None:
    constants = {
        "scale": np.asarray(0.05, np.float32),
        "other": np.asarray(0.06, np.float32),
        "zero": np.asarray(0, np.int8),
    }
    start = node("QuantizeLinear", "x scale zero", "q")
    assert rules(graph([start, node("DequantizeLinear", "q other zero", "y")], constants)) == {("pair", "make_q")}
    straight = [start, node("Neg", "q", "n"), node("DequantizeLinear", "n scale zero", "y")]
    assert rules(graph(straight, constants)) >= {("pair", "make_q"), ("type", "make_n")}


def test_a_computed_scale_and_a_missing_zero_point_are_refused() -> None:
    computed = [
        node("ReduceMax", "x axes", "scale", keepdims=0),
        node("QuantizeLinear", "x scale zero", "q"),
        node("DequantizeLinear", "q scale zero", "y"),
    ]
    constants = {"axes": np.arange(len(PICTURE), dtype=np.int64), "zero": np.asarray(0, np.int8)}
    assert rules(graph(computed, constants)) == {("scale", "make_q"), ("scale", "make_y")}
    bare = [node("QuantizeLinear", "x scale", "q"), node("DequantizeLinear", "q scale", "y")]
    found = rules(graph(bare, {"scale": np.asarray(0.05, np.float32)}))
    assert ("zero-point", "make_q") in found
    assert ("int8", "make_y") in found
