"""Rewrites for the processor compute the same, in other operators, and keep the names that ranges go by."""

from collections import Counter

import numpy as np
from onnx import ModelProto

from export.quantise.cpu_rewrites import linear_as_gemm, rewrite
from tests.export.quantise.reading import node_of, run
from tests.export.quantise.tiny_network import samples


def operators(model: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def test_the_same_values_to_rounding(tiny: ModelProto) -> None:
    given = samples(6, seed=10)
    np.testing.assert_allclose(run(rewrite(tiny), given), run(tiny, given), atol=2e-6)


def test_norms_silus_and_the_pooling_of_the_picture_are_rewritten(tiny: ModelProto) -> None:
    before, after = operators(tiny), operators(rewrite(tiny))
    assert before["LayerNormalization"] == 1
    assert before["AveragePool"] == 1
    assert not after["LayerNormalization"]
    assert not after["AveragePool"]
    assert not after["Sigmoid"]
    assert after["QuickGelu"] == before["Sigmoid"] == 2
    assert after["InstanceNormalization"] == before["InstanceNormalization"] + 1
    assert after["Conv"] == before["Conv"] + 1  # the picture's way


def test_what_products_read_and_make_keeps_its_name(tiny: ModelProto) -> None:
    after = {name for node in rewrite(tiny).graph.node for name in (*node.input, *node.output)}
    for node in tiny.graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm"):
            assert {node.input[0], node.output[0]} <= after, node.name


def test_a_linear_layer_takes_its_bias_in_and_shares_the_rows_of_its_input(tiny: ModelProto) -> None:
    model = ModelProto.FromString(tiny.SerializeToString())
    same = linear_as_gemm(model, ["enter", "to_q", "out"])
    assert node_of(model, "enter").op_type == "Gemm"
    assert len(node_of(model, "enter").input) == 3
    assert node_of(model, "to_q").op_type == "MatMul"  # has no bias to take in
    assert same[node_of(model, "enter").input[0]] == node_of(tiny, "enter").input[0]
    given = samples(3, seed=11)
    np.testing.assert_allclose(run(model, given), run(tiny, given), atol=2e-6)
