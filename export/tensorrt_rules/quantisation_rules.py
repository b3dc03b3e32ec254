"""Q/DQ as TensorRT 10.3 wants it: symmetric INT8, constant scales, weights per output channel, activations per tensor.

Sources: NVIDIA's guide to explicit quantisation (docs.nvidia.com/deeplearning/tensorrt, "Explicit Quantization"); the importer of
QuantizeLinear and DequantizeLinear in github.com/onnx/onnx-tensorrt, which wants scales above zero, zero points of the scale's size
and all zero, and takes a UINT8 one for INT8 with no more than a warning; NVIDIA/TensorRT issue 4542 (INT32 is not dequantised).
That per-channel scales lie along the output channels nobody but this check sees: TensorRT-RTX 1.7 builds a wrong axis.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import NodeProto, TensorProto

from export.tensorrt_rules.finding import Finding
from export.tensorrt_rules.graph_view import GraphView, name_of, type_name
from export.tensorrt_rules.weight_axis import weight_axes

_QDQ = ("QuantizeLinear", "DequantizeLinear")
_SCALES = (TensorProto.FLOAT, TensorProto.FLOAT16)
_BIASED = ("Conv", "ConvTranspose", "Gemm")
_SYMMETRIC = "quantise symmetrically: TensorRT knows no zero point but 0"


def quantisation_rules(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    """Yield what is wrong with a Q or DQ node, or with a bias that comes out of one."""
    if node.op_type in _BIASED and len(node.input) > 2:
        yield from _bias(view, node)
    if node.op_type not in _QDQ:
        return
    yield from _scale(view, node)
    yield from _zero_point(view, node)
    yield from _quantised_type(view, node)
    yield from _granularity(view, node)
    yield from _pair(view, node)


def _scale(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    name = node.input[1]
    values = view.values(name)
    if values is None:
        yield _finding(node, "scale", f"its scale {name} is computed", "scales are constants: calibrate before export")
        return
    if view.constants[name].data_type not in _SCALES:
        shown = type_name(view.constants[name].data_type)
        yield _finding(node, "scale", f"its scale {name} is {shown}", "scales are float or float16")
    if values.ndim > 1:
        yield _finding(node, "scale", f"its scale {name} has shape {values.shape}", "one scale, or one a channel")
    if not bool(np.all(np.isfinite(values) & (values > 0))):
        worst = float(np.min(values)) if values.size else 0.0
        yield _finding(
            node,
            "scale",
            f"a scale of {name} is {worst:g}",
            "scales are above 0, in float16 too: a channel of zeros needs a scale all the same",
        )


def _zero_point(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    name = node.input[2] if len(node.input) > 2 else ""
    if not name:
        if node.op_type == "QuantizeLinear":
            yield _finding(
                node, "zero-point", "it has no zero point, which means UINT8", "give it an INT8 zero point of 0"
            )
        return
    values, scales = view.values(name), view.values(node.input[1])
    if values is None:
        yield _finding(node, "zero-point", f"its zero point {name} is computed", _SYMMETRIC)
        return
    if bool(np.any(values)):
        worst = int(values.flat[int(np.argmax(np.abs(values.astype(np.int64))))])
        yield _finding(node, "zero-point", f"its zero point {name} is {worst}", _SYMMETRIC)
    if scales is not None and values.size != scales.size:
        yield _finding(
            node,
            "zero-point",
            f"{values.size} zero points and {scales.size} scales",
            "TensorRT wants as many zero points as scales",
        )


def _quantised_type(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    """Check the type that the node quantises to, or dequantises from."""
    name = node.output[0] if node.op_type == "QuantizeLinear" else node.input[0]
    zero_point = node.input[2] if len(node.input) > 2 else ""
    found = view.types.get(zero_point) or view.types.get(name)
    if found is None or found == TensorProto.INT8:
        return
    why: dict[int, str] = {
        TensorProto.UINT8: "quantise to signed INT8: TensorRT 10.3 would read UINT8 as INT8 with no more than a warning",
        TensorProto.INT32: "TensorRT does not dequantise INT32: leave the bias in float (QuantizeBias=False)",
    }
    yield _finding(node, "int8", f"{node.op_type} with {type_name(found)} ({name})", why.get(found, "quantise to INT8"))


def _granularity(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    scales = view.values(node.input[1])
    if scales is None or scales.size == 1:
        return
    if not _constant_behind(view, node):
        yield _finding(
            node,
            "per-tensor",
            f"an activation ({node.input[0]}) has {scales.size} scales",
            "activations take one scale",
        )
        return
    shape = view.shapes.get(node.input[0])
    if shape is None:
        return
    axis = int(view.attribute(node, "axis", 1)) % max(len(shape), 1)
    if shape[axis] != scales.size:
        yield _finding(
            node,
            "weight-axis",
            f"{scales.size} scales along axis {axis} of {node.input[0]}, which is {shape[axis]} long",
            "one scale a channel",
        )
    if node.op_type == "DequantizeLinear":
        yield from _weight_axis(view, node, axis)


def _weight_axis(view: GraphView, node: NodeProto, axis: int) -> Iterator[Finding]:
    """Check that the scales lie along the output channels of whoever reads these weights."""
    for reader, wanted in weight_axes(view, node.output[0], axis):
        if wanted is None:
            yield _finding(
                node,
                "weight-axis",
                f"{node.input[0]} has a scale a channel, and {reader.op_type} ({name_of(reader)}) reads it",
                "only the weights of Conv, ConvTranspose, Gemm and MatMul take more than one scale",
            )
        elif wanted != axis:
            yield _finding(
                node,
                "weight-axis",
                f"the scales of {node.input[0]} lie along axis {axis}; the output channels of {reader.op_type}"
                f" ({name_of(reader)}) along axis {wanted}",
                f"quantise these weights along axis {wanted}: TensorRT says nothing, and computes something else",
            )


def _pair(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    """Check that a Q is read by DQs only, of the same scale."""
    if node.op_type != "QuantizeLinear":
        return
    for reader, _ in view.consumers.get(node.output[0], []):
        if reader.op_type != "DequantizeLinear":
            yield _finding(
                node,
                "pair",
                f"{reader.op_type} ({name_of(reader)}) reads its INT8",
                "put a DequantizeLinear between: TensorRT chooses itself what runs in INT8",
            )
            continue
        ours, theirs = view.values(node.input[1]), view.values(reader.input[1])
        if ours is not None and theirs is not None and not np.array_equal(ours, theirs):
            yield _finding(node, "pair", f"{name_of(reader)} dequantises with another scale", "use one scale in both")


def _bias(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    producer = view.producers.get(node.input[2])
    if producer is not None and producer.op_type == "DequantizeLinear":
        yield _finding(
            node,
            "bias",
            f"its bias comes out of {name_of(producer)}",
            "leave biases in float (QuantizeBias=False): TensorRT quantises them itself",
        )


def _constant_behind(view: GraphView, node: NodeProto) -> bool:
    """Return whether a Q/DQ works on a constant, perhaps through the Q before it."""
    name = node.input[0]
    before = view.producers.get(name)
    if before is not None and before.op_type == "QuantizeLinear":
        name = before.input[0]
    return name in view.constants


def _finding(node: NodeProto, rule: str, problem: str, remedy: str) -> Finding:
    return Finding(node=name_of(node), rule=rule, problem=problem, remedy=remedy)
