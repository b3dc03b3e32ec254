"""Graphs of a few nodes, for TensorRT and against it: what the check must name, and what the real builder says to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

FLOAT, HALF, UINT8 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8
CHANNELS = 8
PICTURE = (1, CHANNELS, 6, 6)
_ZERO, _SCALE = np.int8(0), np.float32(0.05)


def value(name: str, shape: tuple[int | str, ...], elem_type: int = FLOAT) -> ValueInfoProto:
    """Return an input or output."""
    return helper.make_tensor_value_info(name, elem_type, list(shape))


def graph(
    nodes: list[NodeProto],
    constants: dict[str, NDArray[Any]] | None = None,
    *,
    inputs: tuple[ValueInfoProto, ...] = (value("x", PICTURE),),
    outputs: tuple[ValueInfoProto, ...] = (value("y", PICTURE),),
    opsets: tuple[tuple[str, int], ...] = (("", 20),),
) -> ModelProto:
    """Return a model of these nodes."""
    initializers = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    body = helper.make_graph(nodes, "small", list(inputs), list(outputs), initializers)
    return helper.make_model(body, opset_imports=[helper.make_opsetid(*opset) for opset in opsets], ir_version=10)


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """Return a node called as its first output, its inputs and outputs given as words."""
    return helper.make_node(operator, inputs.split(), outputs.split(), name=f"make_{outputs.split()[0]}", **attributes)


@dataclass(frozen=True)
class QuantisedConvolution:
    """A convolution with Q/DQ on its input and a DQ on its weights: as it should be, but for what a test changes."""

    zero_point: ArrayLike = _ZERO
    scale: ArrayLike = _SCALE
    weight_scales: int = CHANNELS
    weight_zero_point: int = 0
    axis: int = 0
    kernel_shape: bool = True
    int32_bias: bool = False

    def model(self) -> ModelProto:
        """Return the graph."""
        rng = np.random.default_rng(0)
        many = self.weight_scales
        constants: dict[str, NDArray[Any]] = {
            "scale": np.asarray(self.scale),
            "zero": np.asarray(self.zero_point),
            "weights": rng.integers(-127, 128, (CHANNELS, CHANNELS, 3, 3), np.int8),
            "weight_scale": rng.uniform(0.001, 0.002, many).astype(np.float32),
            "weight_zero": np.full(many, self.weight_zero_point, np.int8),
            "bias": rng.normal(0, 1, CHANNELS).astype(np.float32),
        }
        kernel: dict[str, Any] = {"kernel_shape": [3, 3]} if self.kernel_shape else {}
        nodes = [
            node("QuantizeLinear", "x scale zero", "q"),
            node("DequantizeLinear", "q scale zero", "dq"),
            node("DequantizeLinear", "weights weight_scale weight_zero", "w", axis=self.axis),
            node("Conv", f"dq w {'b' if self.int32_bias else 'bias'}", "y", pads=[1, 1, 1, 1], **kernel),
        ]
        if self.int32_bias:
            constants["bias"] = rng.integers(-1000, 1000, CHANNELS, np.int32)
            constants["bias_scale"] = np.full(CHANNELS, 1e-4, np.float32)
            constants["bias_zero"] = np.zeros(CHANNELS, np.int32)
            nodes.insert(3, node("DequantizeLinear", "bias bias_scale bias_zero", "b", axis=0))
        return graph(nodes, constants)


GOOD = QuantisedConvolution()


def quantised_linear(operator: str, axis: int, *, transpose_b: int = 0, through_transpose: bool = False) -> ModelProto:
    """Return a MatMul or Gemm with per-channel INT8 weights whose scales lie along `axis`."""
    rng = np.random.default_rng(1)
    constants = {
        "scale": np.asarray(0.05, np.float32),
        "zero": np.asarray(0, np.int8),
        "weights": rng.integers(-127, 128, (CHANNELS, CHANNELS), np.int8),
        "weight_scale": rng.uniform(0.001, 0.002, CHANNELS).astype(np.float32),
        "weight_zero": np.zeros(CHANNELS, np.int8),
    }
    attributes = {"transB": transpose_b} if operator == "Gemm" else {}
    nodes = [
        node("QuantizeLinear", "x scale zero", "q"),
        node("DequantizeLinear", "q scale zero", "dq"),
        node("DequantizeLinear", "weights weight_scale weight_zero", "w", axis=axis),
        *([node("Transpose", "w", "wt", perm=[1, 0])] if through_transpose else []),
        node(operator, f"dq {'wt' if through_transpose else 'w'}", "y", **attributes),
    ]
    shape = (4, CHANNELS)
    return graph(nodes, constants, inputs=(value("x", shape),), outputs=(value("y", shape),))


def mixed_add() -> ModelProto:
    """Return a Half and a Float in one Add."""
    nodes = [node("Cast", "x", "half", to=HALF), node("Add", "half x", "y")]
    return graph(nodes)


def foreign_domain() -> ModelProto:
    """Return an operator that is not of ONNX."""
    foreign = helper.make_node("FusedGelu", ["x"], ["y"], name="make_y", domain="com.example")
    return graph([foreign], opsets=(("", 20), ("com.example", 1)))


def non_zero() -> ModelProto:
    """Return an output as large as the data say."""
    nodes = [node("NonZero", "x", "where"), node("Cast", "where", "y", to=FLOAT)]
    return graph(nodes, outputs=(value("y", (4, "found")),))


def sliced_picture() -> ModelProto:
    """Return a picture that is cropped before it is cast."""
    constants = {
        "starts": np.array([1, 1], np.int64),
        "ends": np.array([5, 5], np.int64),
        "axes": np.array([0, 1], np.int64),
    }
    nodes = [node("Slice", "x starts ends axes", "crop"), node("Cast", "crop", "y", to=FLOAT)]
    return graph(nodes, constants, inputs=(value("x", (6, 6, 3), UINT8),), outputs=(value("y", (4, 4, 3)),))


# What TensorRT-RTX's builder must refuse, and our check name: name of the case, graph, the rule, the node.
REFUSED_BY_BUILDER: dict[str, tuple[ModelProto, str, str]] = {
    "non-zero zero point": (replace(GOOD, zero_point=np.int8(3)).model(), "zero-point", "make_q"),
    "UINT8 with zero point 128": (replace(GOOD, zero_point=np.uint8(128)).model(), "zero-point", "make_q"),
    "asymmetric weights": (replace(GOOD, weight_zero_point=7).model(), "zero-point", "make_w"),
    "INT32 bias": (replace(GOOD, int32_bias=True).model(), "int8", "make_b"),
    "Half and Float in one Add": (mixed_add(), "mixed-types", "make_y"),
    "foreign operator": (foreign_domain(), "domain", "make_y"),
    "NonZero": (non_zero(), "operator", "make_where"),
    "a uint8 picture that is cropped": (sliced_picture(), "uint8-only-cast", "make_crop"),
}
