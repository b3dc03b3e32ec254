"""Graphs are put in order, and what nobody reads goes."""

import pytest
from onnx import ModelProto, TensorProto, helper

from export.quantise.graph_edit import drop_unused, replace_nodes, reroute, sort_nodes
from interfaces.errors import BundleError


def graph_of(*edges: tuple[str, str]) -> ModelProto:
    """Return a graph of Relus, each named after the tensor that it makes; x comes in, y goes out."""
    graph = helper.make_graph(
        [helper.make_node("Relu", [given], [made], made) for given, made in edges],
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [helper.make_tensor("unread", TensorProto.FLOAT, [1], [0.0])],
        value_info=[helper.make_tensor_value_info("aside", TensorProto.FLOAT, [1])],
    )
    return helper.make_model(graph)


def names(model: ModelProto) -> list[str]:
    return [node.name for node in model.graph.node]


def test_nodes_come_behind_what_they_read_and_else_stay() -> None:
    model = graph_of(("b", "y"), ("x", "aside"), ("a", "b"), ("x", "a"))
    sort_nodes(model)
    assert names(model) == ["a", "b", "y", "aside"]
    sort_nodes(model)
    assert names(model) == ["a", "b", "y", "aside"]


def test_a_circle_is_named_and_not_gone_round_for_ever() -> None:
    with pytest.raises(BundleError, match="reads what it makes"):
        sort_nodes(graph_of(("x", "a"), ("c", "b"), ("b", "c"), ("c", "y")))
    with pytest.raises(BundleError, match="node b"):
        sort_nodes(graph_of(("b", "b"), ("b", "y")))


def test_what_nobody_reads_goes_with_what_was_said_of_it() -> None:
    model = graph_of(("x", "aside"), ("aside", "further"), ("x", "y"))
    drop_unused(model)
    assert names(model) == ["y"]
    assert not model.graph.initializer
    assert not model.graph.value_info


def test_nodes_are_replaced_and_readers_rerouted() -> None:
    model = graph_of(("x", "aside"), ("aside", "y"))
    reroute(model, {"aside": "x"})
    replace_nodes(model, ["aside"], [helper.make_node("Relu", ["x"], ["new"], "new")])
    assert names(model) == ["y", "new"]
    assert list(model.graph.node[0].input) == ["x"]
    assert not model.graph.value_info
