"""The way of a picture into a network becomes one convolution, where it is linear, and stays where it is not."""

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from export.quantise.graph_edit import drop_unused, sort_nodes
from export.quantise.picture_rewrite import rewrite_pictures
from tests.export.quantise.reading import run

HEIGHT, WIDTH = 12, 16


def graph_of(steps: list[NodeProto], side: int) -> ModelProto:
    """Return picture uint8 (1, H, W, 3) -> NCHW -> float -> steps from "float" to "y"."""
    nodes = [
        helper.make_node("Transpose", ["picture"], ["nchw"], "to_nchw", perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["nchw"], ["float"], "cast", to=TensorProto.FLOAT),
        *steps,
    ]
    numbers = {"c255": 255.0, "half": 0.5, "four": 4.0, "one": 1.0}
    graph = helper.make_graph(
        nodes,
        "picture",
        [helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, HEIGHT, WIDTH, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, HEIGHT // side, WIDTH // side])],
        [numpy_helper.from_array(np.array(value, np.float32), name) for name, value in numbers.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def pool(given: str, made: str, side: int, **changes: list[int]) -> NodeProto:
    attributes: dict[str, Any] = {"kernel_shape": [side, side], "strides": [side, side], **changes}
    return helper.make_node("AveragePool", [given], [made], f"pool_{made}", **attributes)


def rewritten(model: ModelProto) -> ModelProto:
    copy = ModelProto.FromString(model.SerializeToString())
    rewrite_pictures(copy)
    drop_unused(copy)
    sort_nodes(copy)
    return copy


@pytest.mark.parametrize("side", [2, 4])
def test_crop_scale_and_average_are_one_convolution(side: int) -> None:
    model = graph_of(
        [
            helper.make_node("Div", ["float", "c255"], ["a"], "a"),
            pool("a", "b", side),
            helper.make_node("Sub", ["half", "b"], ["c"], "c"),  # turned round: minus the picture
            helper.make_node("Mul", ["c", "four"], ["y"], "y"),
        ],
        side,
    )
    after = rewritten(model)
    assert [node.op_type for node in after.graph.node] == ["Reshape", "Cast", "Conv"]
    picture = np.random.default_rng(0).integers(0, 256, (3, 1, HEIGHT, WIDTH, 3), dtype=np.uint8)
    np.testing.assert_allclose(run(after, {"picture": picture}), run(model, {"picture": picture}), atol=2e-6)


@pytest.mark.parametrize(
    "step",
    [
        pool("float", "y", 2, strides=[1, 1], kernel_shape=[1, 1]),
        pool("float", "y", 1, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Div", ["one", "float"], ["y"], "y"),
        helper.make_node("Sqrt", ["float"], ["y"], "y"),
    ],
)
def test_what_is_no_average_of_squares_stays(step: NodeProto) -> None:
    model = graph_of([step], 1)
    assert [node.op_type for node in rewritten(model).graph.node] == [node.op_type for node in model.graph.node]


def test_a_picture_that_is_read_in_between_stays() -> None:
    model = graph_of([pool("float", "y", 2)], 2)
    model.graph.output.append(helper.make_tensor_value_info("float", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH]))
    assert [node.op_type for node in rewritten(model).graph.node] == [node.op_type for node in model.graph.node]
