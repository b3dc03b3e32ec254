"""Weights and scales as FP16, where its range and its coarse smallest numbers matter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, numpy_helper

from export.quantise.graph_index import GraphIndex

_LARGEST, _SMALLEST = 65504.0, 2.0**-24
# Below, the steps of FP16 are more than 0.4 % apart, as those of INT8 are.
_SCALE_MIN = 2.0**-17


def half_tensor(tensor: TensorProto, name: str) -> TensorProto:
    """Return a float tensor as FP16 under another name.

    What is beyond the range becomes the largest number, as a mask of -1e9 means; what is smaller than the smallest, but not zero,
    becomes the smallest, as an epsilon means.
    """
    values: NDArray[np.float32] = numpy_helper.to_array(tensor)
    finite = np.isfinite(values)
    close = np.where(finite, np.clip(values, -_LARGEST, _LARGEST), values)
    tiny = finite & (values != 0.0) & (np.abs(values) < _SMALLEST)
    if tiny.any():
        close = np.where(tiny, np.copysign(np.float32(_SMALLEST), values), close)
    return numpy_helper.from_array(close.astype(np.float16), name)


def half_scale_weights(index: GraphIndex) -> None:
    """Round every scale of Q/DQ to a number that FP16 has, in place, and INT8 weights anew for theirs."""
    done: set[str] = set()
    for node in index.nodes:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear") or node.input[1] in done:
            continue
        done.add(node.input[1])
        scale = index.initializers[node.input[1]]
        before: NDArray[np.float32] = numpy_helper.to_array(scale)
        after = np.maximum(before.astype(np.float16), np.float16(_SCALE_MIN)).astype(np.float32)
        if node.input[0] in index.initializers:
            _round_anew(node, index, before / after)
        scale.CopyFrom(numpy_helper.from_array(after, scale.name))


def _round_anew(node: NodeProto, index: GraphIndex, factor: NDArray[np.float32]) -> None:
    weight = index.initializers[node.input[0]]
    values: NDArray[np.int8] = numpy_helper.to_array(weight)
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    if factor.ndim:
        factor = factor.reshape([-1 if number == axis else 1 for number in range(values.ndim)])
    limits = np.iinfo(values.dtype)
    rounded = np.clip(np.rint(values * factor), limits.min, limits.max).astype(values.dtype)
    weight.CopyFrom(numpy_helper.from_array(rounded, weight.name))
