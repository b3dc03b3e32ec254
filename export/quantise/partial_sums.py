"""What the sums inside an operator may reach: FP16 hardware may add up in FP16, and overflows before the result is small again.

TensorRT says as much of layer norms ("Running layernorm after self-attention in FP16 may cause overflow"; its own normalisation
layer therefore computes in float32 by default: documentation of INormalizationLayer.setComputePrecision), and mean values are
computed as a sum and a division by some implementations.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper, numpy_helper

# Sums of products: the operator itself, on absolute values, is what no partial sum exceeds, in whatever order a kernel adds.
_PRODUCTS = {"Conv": 3, "ConvTranspose": 3, "Gemm": 3, "MatMul": 2}  # how many inputs are summed over
_SUMS = {"ReduceSum", "ReduceMean"}
_SQUARES = {"ReduceSumSquare", "ReduceL2"}
# The first axis that is normalised over; a group's channels are bounded by all channels. None: the node says.
_NORMS = {"InstanceNormalization": 2, "GroupNormalization": 1, "LayerNormalization": None}

LAST_AXIS = numpy_helper.from_array(np.array([-1], np.int64), "partial-sums/last-axis")


def sum_probe(node: NodeProto, output: str, floats: set[str]) -> list[NodeProto]:
    """Return nodes that compute the largest sum of |terms| inside `node` as one number `output`; none where nothing is summed.

    `floats` names the float32 tensors that are computed; a graph that uses the nodes holds the constant `LAST_AXIS`.
    """
    if not floats & set(node.input):  # over constants alone: whoever builds the graph does that once, in float32
        return []
    if node.op_type in _PRODUCTS:
        return _of_products(node, output)
    if node.op_type in _SUMS | _SQUARES:
        return _of_reduction(node, output)
    if node.op_type in _NORMS:
        return _of_norm(node, output)
    return []


def _of_products(node: NodeProto, output: str) -> list[NodeProto]:
    nodes: list[NodeProto] = []
    names = list(node.input)
    for index in range(min(len(names), _PRODUCTS[node.op_type])):
        if names[index]:
            name = f"{output}/{index}"
            nodes.append(helper.make_node("Abs", [names[index]], [name]))
            names[index] = name
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.name = f"{output}/{node.op_type}"
    copy.input[:] = names
    copy.output[:] = [f"{output}/all"]
    return [*nodes, copy, _largest(output)]


def _of_reduction(node: NodeProto, output: str) -> list[NodeProto]:
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.name = f"{output}/{node.op_type}"
    copy.op_type = "ReduceSumSquare" if node.op_type in _SQUARES else "ReduceSum"
    copy.input[0] = f"{output}/abs"
    copy.output[:] = [f"{output}/all"]
    return [helper.make_node("Abs", [node.input[0]], [f"{output}/abs"]), copy, _largest(output)]


def _of_norm(node: NodeProto, output: str) -> list[NodeProto]:
    """Sum the squares of what is normalised together, as a kernel does that passes over its input once."""
    axis = {attribute.name: attribute.i for attribute in node.attribute}.get("axis", -1)
    together, flat = _NORMS[node.op_type] or axis, f"{output}/flat"
    return [
        helper.make_node("Flatten", [node.input[0]], [flat], axis=together),
        helper.make_node("ReduceSumSquare", [flat, LAST_AXIS.name], [f"{output}/all"], keepdims=0),
        _largest(output),
    ]


def _largest(output: str) -> NodeProto:
    return helper.make_node("ReduceMax", [f"{output}/all"], [output], keepdims=0)
