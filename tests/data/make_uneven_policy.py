"""A policy of a few hundred weights as two ONNX graphs, with one block that INT8 cannot do: one pixel of its input is 30000."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference

from interfaces.sample_file import Samples

JOINTS = ("lift", "turn", "grip")
COSTLY = "costly"  # a block of the foresight graph
_SIDE, _WIDTH, _ROWS = 8, 8, 4

Constants = dict[str, NDArray[np.generic]]


def uneven_samples(number: int, seed: int) -> Samples:
    """Return inputs of both graphs but the tokens."""
    rng = np.random.default_rng(seed)
    return {
        "front": rng.integers(0, 256, (number, _SIDE, _SIDE, 3)).astype(np.uint8),
        "instruction": np.eye(2, dtype=np.float32)[rng.integers(0, 2, number)],
        "joints": rng.normal(size=(number, 3)).astype(np.float32),
        "foresight_age": rng.uniform(0, 0.4, number).astype(np.float32),
        "noise": rng.normal(size=(number, _ROWS, 3)).astype(np.float32),
    }


def uneven_foresight(*, weaker: bool = False) -> ModelProto:
    """Front (8, 8, 3), instruction (2,) -> tokens (2, 4): five convolutions, the first and the last kept by default.

    `weaker` gives a darker picture, for tests that want another foresight.
    """
    rng = np.random.default_rng(11)
    spike = np.zeros((1, 1, _SIDE, _SIDE), np.float32)
    spike[0, 0, 3, 4] = 30_000.0
    constants: Constants = {
        "grey": np.array((0.9 if weaker else 1.0) / 255, np.float32), "spike": spike, "elsewhere": (spike == 0).astype(np.float32),
        "axis": np.array([0], np.int64), "token_shape": np.array([2, 4], np.int64),
        "told.weight": rng.normal(size=(2, 8)).astype(np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("Cast", ["front"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[2, 0, 1]),
        helper.make_node("Unsqueeze", ["planes", "axis"], ["batch"]),
        helper.make_node("Mul", ["batch", "grey"], ["x0"]),
        *_convolution("first", "x0", "x1", constants, _weight(rng, channels=3)),
        *_convolution("net.one", "x1", "x2", constants, _weight(rng)),
        helper.make_node("Add", ["x2", "spike"], ["spiked"]),
        *_convolution(COSTLY, "spiked", "x3", constants, _weight(rng, side=1)),
        helper.make_node("Mul", ["x3", "elsewhere"], ["x4"]),
        *_convolution("net.two", "x4", "x5", constants, _weight(rng)),
        *_convolution("last", "x5", "x6", constants, _weight(rng)),
        helper.make_node("GlobalAveragePool", ["x6"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "token_shape"], ["seen"]),
        helper.make_node("Unsqueeze", ["instruction", "axis"], ["instruction_row"]),
        helper.make_node("MatMul", ["instruction_row", "told.weight"], ["told"]),
        helper.make_node("Reshape", ["told", "token_shape"], ["told_tokens"]),
        helper.make_node("Add", ["seen", "told_tokens"], ["tokens"]),
    ]
    inputs = {"front": (TensorProto.UINT8, [_SIDE, _SIDE, 3]), "instruction": (TensorProto.FLOAT, [2])}
    return _model("foresight", nodes, constants, inputs, ("tokens", [2, 4]))


def uneven_action() -> ModelProto:
    """Tokens (2, 4), joints (3,), noise (4, 3) -> positions (4, 3): three products of four rows, the middle one not kept."""
    rng = np.random.default_rng(12)
    constants: Constants = {
        "flat": np.array([1, 8], np.int64),
        "tokens.weight": rng.normal(size=(8, 16)).astype(np.float32),
        "enter.weight": rng.normal(size=(3, 16)).astype(np.float32) / 4,
        "mix.weight": rng.normal(size=(16, 16)).astype(np.float32) / 4,
        "leave.weight": rng.normal(size=(16, 3)).astype(np.float32) / 4,
    }
    nodes = [
        helper.make_node("Reshape", ["tokens", "flat"], ["token_row"]),
        helper.make_node("MatMul", ["token_row", "tokens.weight"], ["condition"]),
        helper.make_node("MatMul", ["noise", "enter.weight"], ["entered"]),
        helper.make_node("Add", ["entered", "condition"], ["h0"]),
        helper.make_node("Relu", ["h0"], ["h1"]),
        helper.make_node("MatMul", ["h1", "mix.weight"], ["h2"]),
        helper.make_node("Relu", ["h2"], ["h3"]),
        helper.make_node("MatMul", ["h3", "leave.weight"], ["moved"]),
        helper.make_node("Add", ["moved", "joints"], ["positions"]),
    ]
    floats = {"tokens": [2, 4], "joints": [3], "noise": [_ROWS, 3]}
    inputs = {name: (TensorProto.FLOAT, shape) for name, shape in floats.items()}
    return _model("action", nodes, constants, inputs, ("positions", [_ROWS, 3]))


def _weight(rng: np.random.Generator, channels: int = _WIDTH, side: int = 3) -> NDArray[np.float32]:
    values = rng.normal(size=(_WIDTH, channels, side, side)) / np.sqrt(channels * side * side / 2)
    return values.astype(np.float32)


def _convolution(
    name: str, source: str, target: str, constants: Constants, weight: NDArray[np.float32]
) -> list[NodeProto]:
    side = weight.shape[2]
    constants[f"{name}.weight"] = weight
    constants[f"{name}.bias"] = np.linspace(-0.3, 0.3, _WIDTH, dtype=np.float32)
    convolution = helper.make_node(
        "Conv", [source, f"{name}.weight", f"{name}.bias"], [f"{name}.out"],
        kernel_shape=[side, side], pads=[side // 2] * 4,
    )  # fmt: skip
    return [convolution, helper.make_node("Relu", [f"{name}.out"], [target])]


def _model(
    name: str,
    nodes: list[NodeProto],
    constants: Constants,
    inputs: Mapping[str, tuple[int, list[int]]],
    output: tuple[str, list[int]],
) -> ModelProto:
    for number, node in enumerate(nodes):
        node.name = f"node_{node.op_type}_{number}"
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(tensor, element, shape) for tensor, (element, shape) in inputs.items()],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])],
        [numpy_helper.from_array(values, tensor) for tensor, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return shape_inference.infer_shapes(model)
