"""The way of a camera's picture into the network, in one convolution instead of five passes over its pixels.

uint8 (1, H, W, C) -> Transpose to NCHW -> Cast -> [Div, Sub, Mul, Add by scalars] -> AveragePool k x k -> [the same again] is linear:
seen as one channel of H rows of W * C numbers, each output channel is a kernel of k rows and k * C columns with stride (k, k * C).
That convolution separates the colours, averages, scales and shifts, and needs no transposed copy of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from export.quantise.graph_edit import replace_nodes
from export.quantise.graph_index import GraphIndex

_TO_NCHW = (0, 3, 1, 2)


@dataclass(frozen=True, slots=True)
class _Way:
    """A linear way from the picture in NHWC to a float tensor in NCHW."""

    picture: str  # uint8 (1, H, W, C)
    tensor: str  # float (1, C, H / k, W / k)
    pool_px: int
    gain_ratio: float
    offset_ratio: float
    nodes: tuple[NodeProto, ...]


def rewrite_pictures(model: ModelProto) -> None:
    """Rewrite, in place, every such way on which a picture is averaged; without averaging, copying is as fast."""
    index = GraphIndex(model)
    for number, node in enumerate(index.nodes):
        way = _way_from(node, index)
        if way is not None and way.pool_px > 1:
            _replace(model, way, index, f"picture_{number}")


def _way_from(node: NodeProto, index: GraphIndex) -> _Way | None:
    if node.op_type != "Transpose" or tuple(_ints(node, "perm")) != _TO_NCHW:
        return None
    picture = node.input[0]
    shape = index.shape(picture)
    if index.dtype(picture) != TensorProto.UINT8 or shape[0] != 1:
        return None
    tensor, pool_px, factor, offset = node.output[0], 1, 1.0, 0.0
    nodes, best = [node], None
    for step in _line(tensor, index):
        nodes.append(step)
        tensor = step.output[0]
        if step.op_type == "AveragePool":
            px = _pool_px(step, shape)
            if px is None or pool_px > 1:
                break
            pool_px = px
        elif step.op_type != "Cast":
            affine = _affine(step, index)
            if affine is None:
                break
            factor, offset = factor * affine[0], offset * affine[0] + affine[1]
        best = _Way(picture, tensor, pool_px, factor, offset, tuple(nodes))
    return best


def _line(tensor: str, index: GraphIndex) -> Iterator[NodeProto]:
    """Yield the nodes behind a tensor for as long as each is its only reader."""
    while (reader := index.only_reader(tensor)) is not None:
        if reader.op_type == "Cast" and _ints(reader, "to") != [TensorProto.FLOAT]:
            return
        yield reader
        tensor = reader.output[0]


def _affine(node: NodeProto, index: GraphIndex) -> tuple[float, float] | None:
    """Return factor and offset of an operation with one number, or None when it is another operation."""
    if node.op_type not in ("Add", "Sub", "Mul", "Div"):
        return None
    constant = next((name for name in node.input if name in index.initializers), None)
    if constant is None or index.size(constant) != 1:
        return None
    value = float(numpy_helper.to_array(index.initializers[constant]).reshape(()))
    first = node.input[0] == constant
    if node.op_type == "Add":
        return 1.0, value
    if node.op_type == "Mul":
        return value, 0.0
    if node.op_type == "Sub":
        return (-1.0, value) if first else (1.0, -value)
    return None if first else (1.0 / value, 0.0)


def _pool_px(node: NodeProto, shape: tuple[int, ...]) -> int | None:
    """Return the side of a pooling in squares that tile the picture, or None when it is another one."""
    kernel, strides = _ints(node, "kernel_shape"), _ints(node, "strides")
    if len(kernel) != 2 or kernel[0] != kernel[1] or strides != kernel or any(_ints(node, "pads")):
        return None
    if _ints(node, "dilations") not in ([], [1, 1]) or shape[1] % kernel[0] or shape[2] % kernel[0]:
        return None
    return kernel[0]


def _replace(model: ModelProto, way: _Way, index: GraphIndex, name: str) -> None:
    _, height, width, channels = index.shape(way.picture)
    side = way.pool_px
    kernel = np.zeros((channels, 1, side, side, channels), np.float32)
    for channel in range(channels):
        kernel[channel, 0, :, :, channel] = way.gain_ratio / side**2
    model.graph.initializer.extend(
        numpy_helper.from_array(values, f"{name}/{part}")
        for part, values in (
            ("rows", np.array([1, 1, height, width * channels], np.int64)),
            ("kernel", kernel.reshape(channels, 1, side, side * channels)),
            ("offset", np.full(channels, way.offset_ratio, np.float32)),
        )
    )
    window = [side, side * channels]
    replace_nodes(
        model,
        {node.name for node in way.nodes},
        (
            helper.make_node("Reshape", [way.picture, f"{name}/rows"], [f"{name}/flat"], f"{name}/flatten"),
            helper.make_node("Cast", [f"{name}/flat"], [f"{name}/float"], f"{name}/cast", to=TensorProto.FLOAT),
            helper.make_node(
                "Conv", [f"{name}/float", f"{name}/kernel", f"{name}/offset"], [way.tensor], f"{name}/average",
                kernel_shape=window, strides=window,
            ),
        ),
    )  # fmt: skip


def _ints(node: NodeProto, name: str) -> list[int]:
    for attribute in node.attribute:
        if attribute.name == name:
            return list(attribute.ints) or [attribute.i]
    return []
