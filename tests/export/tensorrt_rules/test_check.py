"""What TensorRT 10.3 refuses is found without it, with the node, the rule and what to do."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto

from export.tensorrt_rules.__main__ import main
from export.tensorrt_rules.check import check_file, check_graph, require_accepted
from export.tensorrt_rules.operators import ACCEPTED, REFUSED
from interfaces.errors import BundleError
from tests.export.tensorrt_rules.small_graphs import (
    CHANNELS,
    FLOAT,
    GOOD,
    PICTURE,
    REFUSED_BY_BUILDER,
    UINT8,
    graph,
    node,
    sliced_picture,
    value,
)


def rules(model: ModelProto) -> set[tuple[str, str]]:
    return {(finding.rule, finding.node) for finding in check_graph(model)}


@pytest.mark.parametrize("case", REFUSED_BY_BUILDER)
def test_what_the_builder_refuses_is_named(case: str) -> None:
    model, rule, where = REFUSED_BY_BUILDER[case]
    findings = check_graph(model)
    assert (rule, where) in {(finding.rule, finding.node) for finding in findings}
    assert all(finding.remedy and finding.problem for finding in findings)


def ones(*shape: int) -> NDArray[np.float32]:
    return np.ones(shape, np.float32)


def form(operator: str, inputs: str = "x", outputs: str = "y", **attributes: Any) -> NodeProto:
    return node(operator, inputs, outputs, **attributes)


@pytest.mark.parametrize(
    ("nodes", "constants", "rule", "where"),
    [
        ([form("Relu"), form("GroupNormalization", "y s s", "z", num_groups=2)], {"s": ones(2)}, "operator", "make_z"),
        ([form("Det")], {}, "operator", "make_y"),
        ([form("ScatterND", "x at new")], {"at": np.zeros((1, 4), np.int64), "new": ones(1)}, "operator", "make_y"),
        ([form("RandomNormalLike")], {}, "operator", "make_y"),
        ([form("Cast", to=TensorProto.DOUBLE)], {}, "type", "make_y"),
        ([form("Add", "x d")], {"d": np.ones(1)}, "type", "make_y"),
        ([form("Cast", "x", "i", to=TensorProto.INT64), form("Sigmoid", "i")], {}, "type", "make_y"),
        ([form("Cast", to=TensorProto.UINT8)], {}, "type", "make_y"),
        ([form("AveragePool", kernel_shape=[2, 2], dilations=[2, 2])], {}, "form of AveragePool", "make_y"),
        ([form("MaxPool", "x", "y where", kernel_shape=[2, 2])], {}, "form of MaxPool", "make_y"),
        ([form("LayerNormalization", "x s", "y mean")], {"s": ones(6)}, "form of LayerNormalization", "make_y"),
        ([form("Resize", "x r s", mode="cubic")], {"r": ones(0), "s": ones(4)}, "form of Resize", "make_y"),
        ([form("Resize", "x r s", antialias=1)], {"r": ones(0), "s": ones(4)}, "form of Resize", "make_y"),
        ([form("Shape", "x", "s"), form("Reshape", "x s")], {}, "constant-input", "make_y"),
        ([form("Cast", "x", "h", to=TensorProto.FLOAT16), form("Concat", "x h", "y", axis=0)], {}, "mixed-types", "make_y"),
    ],
)  # fmt: skip
def test_operators_types_and_forms_that_it_does_not_take(
    nodes: list[NodeProto], constants: dict[str, NDArray[Any]], rule: str, where: str
) -> None:
    assert (rule, where) in rules(graph(nodes, constants))


def test_a_graph_as_it_should_be_is_accepted() -> None:
    constants = {
        "white": np.asarray(255, np.float32),
        "front": np.array([0], np.int64),
        "weights": ones(CHANNELS, 3, 3, 3),
        "scale": ones(CHANNELS),
        "axes": np.array([2, 3], np.int64),
    }
    nodes = [
        node("Cast", "x", "pixels", to=FLOAT),
        node("Div", "pixels white", "light"),
        node("Transpose", "light", "planes", perm=[2, 0, 1]),
        node("Unsqueeze", "planes front", "batch"),
        node("Conv", "batch weights", "features", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("InstanceNormalization", "features scale scale", "even"),
        node("Gelu", "even", "bent"),
        node("ReduceMean", "bent axes", "y", keepdims=0),
    ]
    picture = value("x", (6, 6, 3), UINT8)
    assert check_graph(graph(nodes, constants, inputs=(picture,), outputs=(value("y", (1, CHANNELS)),))) == []


def test_a_constant_node_is_a_constant_however_it_is_written() -> None:
    for attributes in ({"value_ints": [288]}, {"value": onnx.numpy_helper.from_array(np.array([288]))}):
        nodes = [node("Constant", "", "shape", **attributes), node("Reshape", "x shape", "y")]
        assert check_graph(graph(nodes, outputs=(value("y", (288,)),))) == []
    text = [node("Constant", "", "shape", value_string="288"), node("Relu", "x", "y")]
    assert rules(graph(text)) == {("type", "make_shape")}


def test_opset_format_and_domains() -> None:
    relu = [node("Relu", "x", "y")]
    assert rules(graph(relu, opsets=(("", 21),))) == {("opset", "opset import")}
    assert rules(graph(relu, opsets=(("", 20), ("com.microsoft", 1)))) == {("domain", "opset import com.microsoft")}
    newer = graph(relu)
    newer.ir_version = 11
    assert rules(newer) == {("opset", "ir_version")}


def test_inputs_and_outputs_are_those_of_a_bundle_and_of_one_size() -> None:
    relu = [node("Relu", "x", "y")]
    open_batch = graph(relu, inputs=(value("x", ("batch", 4)),), outputs=(value("y", ("batch", 4)),))
    assert rules(open_batch) == {("static-shape", "input x"), ("static-shape", "output y")}
    half = graph(
        relu, inputs=(value("x", (4,), TensorProto.FLOAT16),), outputs=(value("y", (4,), TensorProto.FLOAT16),)
    )
    untrue = graph([node("Cast", "x", "y", to=TensorProto.FLOAT16)])
    assert rules(untrue) == {("io-type", "output y")}
    assert rules(half) == {("io-type", "input x"), ("io-type", "output y")}


def test_a_shape_that_only_the_data_know_is_named_where_it_arises() -> None:
    nodes = [node("Compress", "x mask", "some"), node("Relu", "some", "y")]
    found = check_graph(graph(nodes, {"mask": np.array([True] * 288)}, outputs=(value("y", ("n",)),)))
    assert ("static-shape", "make_some") in {(finding.rule, finding.node) for finding in found}
    assert ("static-shape", "make_y") not in {(finding.rule, finding.node) for finding in found}


def test_every_operator_is_taken_or_refused_and_known_to_onnx() -> None:
    assert not ACCEPTED.keys() & REFUSED.keys()
    known = {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
    assert set(ACCEPTED) | set(REFUSED) <= known


def test_external_data_is_read_only_where_a_rule_asks(tmp_path: Path) -> None:
    model = GOOD.model()
    onnx.save(model, tmp_path / "wide.onnx", save_as_external_data=True, size_threshold=0, location="wide.data")
    assert check_file(tmp_path / "wide.onnx") == []
    bad = deepcopy(REFUSED_BY_BUILDER["asymmetric weights"][0])  # saved so, its weights leave it
    onnx.save(bad, tmp_path / "bad.onnx", save_as_external_data=True, size_threshold=0, location="bad.data")
    assert {finding.rule for finding in check_file(tmp_path / "bad.onnx")} == {"zero-point"}


def test_export_is_told_every_reason_in_one_error() -> None:
    with pytest.raises(
        BundleError, match=r"foresight\.fp16\.onnx.*TensorRT 10\.3(.|\n)*make_crop.*uint8-only-cast"
    ) as told:
        require_accepted(sliced_picture(), "foresight.fp16.onnx")
    assert "Cast" in str(told.value)
    require_accepted(GOOD.model(), "well")


def test_the_command_says_what_is_wrong_and_exits_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(GOOD.model(), tmp_path / "good.onnx")
    onnx.save(sliced_picture(), tmp_path / "bad.onnx")
    assert main([str(tmp_path / "good.onnx")]) == 0
    assert main([str(tmp_path / "good.onnx"), str(tmp_path / "bad.onnx")]) == 1
    told = capsys.readouterr().out
    assert "good.onnx: accepted" in told
    assert "make_crop: Slice reads the uint8 input x [uint8-only-cast]" in told
    (tmp_path / "text.onnx").write_text("not a graph")
    assert main([str(tmp_path / "text.onnx")]) == 2
    assert main([str(tmp_path / "none.onnx")]) == 2
    assert "none.onnx: No such file" in capsys.readouterr().err


def test_the_picture_size_of_the_small_graphs_is_what_the_cases_say() -> None:
    assert int(np.prod(PICTURE)) == 288  # the mask of the Compress above
