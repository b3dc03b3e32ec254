"""What each ONNX operator is to a count: a product, a norm, a reduction, element-wise, or a way of looking at the same memory."""

from __future__ import annotations

import math
from typing import Literal

from onnx import NodeProto, helper

from export.roofline.tensors import Graph
from interfaces.errors import BundleError

Kind = Literal["product", "norm", "softmax", "reduction", "copy", "view", "element-wise"]

_KINDS: dict[Kind, frozenset[str]] = {
    "product": frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"}),
    "norm": frozenset(
        {
            "BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "LpNormalization",
            "MeanVarianceNormalization", "RMSNormalization",
        }
    ),
    "softmax": frozenset({"Softmax", "LogSoftmax"}),
    "reduction": frozenset(
        {
            "ArgMax", "ArgMin", "AveragePool", "CumSum", "GlobalAveragePool", "GlobalMaxPool", "LpPool", "MaxPool",
            "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
            "ReduceSumSquare",
        }
    ),
    "copy": frozenset({"GridSample", "Pad", "Resize", "ScatterElements", "ScatterND", "Tile", "TopK", "Upsample"}),
    "view": frozenset(
        {
            "Concat", "DepthToSpace", "DequantizeLinear", "Dropout", "Expand", "Flatten", "Gather", "GatherElements",
            "GatherND", "Identity", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze",
        }
    ),
}  # fmt: skip
_UNCOUNTED = frozenset(
    {
        "Attention", "ConvInteger", "DeformConv", "Einsum", "GRU", "LSTM", "MatMulInteger", "MatMulNBits", "QLinearConv",
        "QLinearMatMul", "RNN",
    }
)  # fmt: skip
_KIND_OF: dict[str, Kind] = {operator: kind for kind, operators in _KINDS.items() for operator in operators}


def kind_of(node: NodeProto) -> Kind:
    """Return what a node is to a count: element-wise, where it is nothing else."""
    return _KIND_OF.get(node.op_type, "element-wise")


def require_counted(graph: Graph) -> None:
    """Refuse a graph with products in it that are not counted; raises BundleError naming the node."""
    for node in graph.nodes:
        if node.op_type in _UNCOUNTED or node.domain not in {"", "ai.onnx"}:
            operator = f"{node.domain}.{node.op_type}".lstrip(".")
            raise BundleError(f"{graph.name}: node {node.name} is {operator}, whose operations are not counted here")


def product_macs(graph: Graph, node: NodeProto) -> int:
    """Return the multiply-accumulates of a product, bias not counted; of Conv, ConvTranspose, MatMul and Gemm."""
    left, right = graph.tensor(node.input[0]), graph.tensor(node.input[1])
    if node.op_type == "Conv":  # weights are (out, in / groups, kernel ...)
        return graph.tensor(node.output[0]).n_elements * math.prod(right.shape[1:])
    if node.op_type == "ConvTranspose":  # weights are (in, out / groups, kernel ...): each input meets all of its own
        return left.n_elements * math.prod(right.shape[1:])
    if node.op_type == "Gemm":
        transposed = any(
            attribute.name == "transA" and helper.get_attribute_value(attribute) for attribute in node.attribute
        )
        return graph.tensor(node.output[0]).n_elements * left.shape[0 if transposed else 1]
    return graph.tensor(node.output[0]).n_elements * left.shape[-1]
