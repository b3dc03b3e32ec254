"""A scale for every channel around a quantised convolution, for nothing: folded into its weights.

ONNX Runtime's integer convolution has one scale for its input and one for its output, so the widest channel sets the step of all. But
QuantizeLinear and DequantizeLinear, which run beside it, take a scale for each channel. What a channel's scale differs from the common
one goes into the convolution's weights, which have a scale for each output channel anyway, and what its middle differs into the bias:

    x -> Q(s[c], z) -> DQ(s, z) -> Conv(W[o, c] * s[c] / s / r[o], (b[o] - m[o]) / r[o]) -> Q(t, v) -> DQ(t * r[o], v - m[o] / (t * r[o]))

is the same convolution. The zero point of the input is common to all channels, because the convolution pads with it.
Measured on the shipped policy, 300 held-out frames, largest error of an action with `conv_2.0` alone quantised: 4.6 % of the action
range with common scales, 1.8 % with channel scales of the output, 1.0 % with both.
Moving ranges from activations into weights: Xiao et al., "SmoothQuant", 2023.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from export.quantise.graph_index import GraphIndex
from export.quantise.ranges import Ranges

Vector = NDArray[np.float64]  # (channel,)

_LEVELS = 255  # of uint8
_MIDDLE = 128
# The largest of a few hundred frames is not the largest there is, and one channel has fewer values than a tensor: without room,
# held-out frames were cut off, and actions were 5 % wrong where a heat map lost its peak.
_ROOM_RATIO = 1.25
_SILU_LOW = -8.0  # silu(-8) is -0.003: what lies below need not be told apart
# A channel that hardly moves keeps this share of the widest one's step, so that no weight is divided by nothing.
_SMALLEST_RATIO = 1 / 32


@dataclass(frozen=True, slots=True)
class ChannelScales:
    """How one tensor is quantised: by channel outside the convolution, by one scale and zero point inside."""

    scales: Vector
    zero_points: Vector  # whole numbers, 0..255
    zero_point: int  # that of the convolution
    of_output: bool  # else of its input

    @property
    def scale(self) -> float:
        """Return the scale that the convolution knows."""
        return float(self.scales.max())

    @property
    def limits(self) -> tuple[float, float]:
        """Return the range for which ONNX Runtime's quantiser finds `scale` and `zero_point`."""
        return -self.zero_point * self.scale, (_LEVELS - self.zero_point) * self.scale


def fold_channel_scales(model: ModelProto, nodes: Collection[str], ranges: Ranges) -> dict[str, ChannelScales]:
    """Fold channel scales into the weights of the convolutions among `nodes`, in place; return them by activation."""
    index = GraphIndex(model)
    convs = {node.name: node for node in index.nodes if node.name in nodes and _has_own_weights(node, index)}
    made = {name for node in index.nodes if node.name in nodes for name in node.output}
    found: dict[str, ChannelScales] = {}
    for node in convs.values():
        output = node.output[0]
        readers = index.consumers(output)
        if output not in index.outputs and not any(_becomes_integer(reader, index, nodes, made) for reader in readers):
            low, high = (_ROOM_RATIO * limit for limit in ranges.channels(output))
            if all(reader.op_type == "QuickGelu" for reader in readers):
                low = np.maximum(low, _SILU_LOW)
            found[output] = _scales_of_output(low, high)
            _fold_output(model, node, index, found[output])
    for tensor in dict.fromkeys(node.input[0] for node in convs.values()):
        readers = [node for node in index.consumers(tensor) if node.name in nodes]
        producer = index.producers.get(tensor)
        if tensor in made or (producer is not None and _stands_between(producer, index, made)):
            continue
        if all(node.name in convs and _group(node) == 1 for node in readers):
            found[tensor] = _fold_input(readers, index, *ranges.channels(tensor))
    return found


def apply_channel_scales(model: ModelProto, scales: Mapping[str, ChannelScales]) -> None:
    """Give the Q of inputs and the DQ of outputs the channels' own scales, in place, once Q/DQ stands.

    `scales` by the names under which the quantiser knew the tensors.
    """
    by_scale = {f"{tensor}_scale": tensor for tensor in scales}
    for node in model.graph.node:
        tensor = by_scale.get(node.input[1]) if node.op_type in ("QuantizeLinear", "DequantizeLinear") else None
        if tensor is not None and scales[tensor].of_output == (node.op_type == "DequantizeLinear"):
            node.input[1:] = [f"{tensor}_scales", f"{tensor}_zero_points"]
            node.attribute.append(helper.make_attribute("axis", 1))
    for tensor, channel in scales.items():
        zero_points = channel.zero_points.astype(np.uint8)
        model.graph.initializer.append(numpy_helper.from_array(channel.scales.astype(np.float32), f"{tensor}_scales"))
        model.graph.initializer.append(numpy_helper.from_array(zero_points, f"{tensor}_zero_points"))


def _scales_of_output(low: Vector, high: Vector) -> ChannelScales:
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)  # zero must have a number, as everywhere
    scales = _bounded((high - low) / _LEVELS)
    zero_points = np.clip(np.round(-low / scales), 0, _LEVELS)
    return ChannelScales(scales, zero_points, _MIDDLE, of_output=True)


def _fold_output(model: ModelProto, node: NodeProto, index: GraphIndex, channel: ChannelScales) -> None:
    ratio = channel.scales / channel.scale
    middle = channel.scales * (_MIDDLE - channel.zero_points)
    weight = _values(index, node.input[1])
    bias = _values(index, node.input[2]) if len(node.input) > 2 else np.zeros(len(weight))
    _set(index, node.input[1], weight / ratio.reshape(-1, *[1] * (weight.ndim - 1)))
    name = f"{node.name}/bias"  # one of its own, for a bias may be shared
    model.graph.initializer.append(numpy_helper.from_array(((bias - middle) / ratio).astype(np.float32), name))
    node.input[:] = [*node.input[:2], name]


def _fold_input(readers: list[NodeProto], index: GraphIndex, low: Vector, high: Vector) -> ChannelScales:
    """Fold with the zero point at which the rounding of all channels adds least to what the readers make of them."""
    weights = [_values(index, node.input[1]) for node in readers]
    power = sum((np.square(weight).sum(axis=(0, *range(2, weight.ndim))) for weight in weights), np.zeros(1))
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    candidates = [
        (zero_point, _bounded(np.maximum(-low / max(zero_point, 0.5), high / max(_LEVELS - zero_point, 0.5))))
        for zero_point in range(_LEVELS + 1)
    ]
    zero_point, scales = min(candidates, key=lambda candidate: float((np.square(candidate[1]) * power).sum()))
    channel = ChannelScales(scales, np.full(scales.shape, float(zero_point)), zero_point, of_output=False)
    for node, weight in zip(readers, weights, strict=True):
        ratio = channel.scales / channel.scale
        _set(index, node.input[1], weight * ratio.reshape(1, -1, *[1] * (weight.ndim - 2)))
    return channel


def _bounded(scales: Vector) -> Vector:
    widest = float(scales.max())
    return np.maximum(scales, widest * _SMALLEST_RATIO) if widest > 0.0 else np.ones_like(scales)


def _has_own_weights(node: NodeProto, index: GraphIndex) -> bool:
    """Say whether a node is a convolution whose weights no other node reads."""
    if node.op_type != "Conv" or node.input[1] not in index.initializers or len(index.consumers(node.input[1])) > 1:
        return False
    return len(node.input) < 3 or node.input[2] in index.initializers


def _becomes_integer(node: NodeProto, index: GraphIndex, nodes: Collection[str], made: Collection[str]) -> bool:
    """Say whether ONNX Runtime reads a quantised tensor with an integer kernel, which knows one scale for it.

    That is a quantised node, and any other that stands between Q/DQ on all sides: it then fuses a QLinearAdd, and the like.
    """
    if node.name in nodes:
        return True
    quantised_behind = any(reader.name in nodes for name in node.output for reader in index.consumers(name))
    return quantised_behind and _stands_between(node, index, made)


def _stands_between(node: NodeProto, index: GraphIndex, made: Collection[str]) -> bool:
    """Say whether all that a node reads are outputs of quantised convolutions."""
    return all(name in made for name in node.input if name and name not in index.constants)


def _group(node: NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)


def _set(index: GraphIndex, name: str, values: NDArray[np.float64]) -> None:
    index.initializers[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))


def _values(index: GraphIndex, name: str) -> NDArray[np.float64]:
    return numpy_helper.to_array(index.initializers[name]).astype(np.float64)
