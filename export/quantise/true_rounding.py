"""A graph with FP16 scales, for judging on a CPU: there, ONNX Runtime up to 1.29 rounds FP16 values toward zero when it quantises.

ONNX asks for the nearest integer, and TensorRT gives it. Seen with ONNX Runtime 1.28: every one of 1000 values truncated, which
doubles the error of an INT8 policy (https://github.com/microsoft/onnxruntime/issues/18576, mended by pull request 32452). In
float32 it rounds as it should, so what is quantised is made float32 first, which changes no value.
"""

from __future__ import annotations

from onnx import ModelProto, NodeProto, TensorProto, helper

from export.quantise.graph_index import GraphIndex


def with_true_rounding(model: ModelProto) -> ModelProto:
    """Return the graph with every FP16 QuantizeLinear computed in float32; the graph itself where there is none."""
    index = GraphIndex(model)
    wrong = {id(node) for node in index.nodes if _rounds_toward_zero(node, index)}
    if not wrong:
        return model
    nodes: list[NodeProto] = []
    for node in index.nodes:
        if id(node) in wrong:
            nodes += _in_float32(node)
        else:
            nodes.append(node)
    copy = ModelProto()
    copy.CopyFrom(model)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def _rounds_toward_zero(node: NodeProto, index: GraphIndex) -> bool:
    return node.op_type == "QuantizeLinear" and index.dtype(node.input[0]) in (TensorProto.FLOAT16, 0)


def _in_float32(node: NodeProto) -> list[NodeProto]:
    quantise = NodeProto()
    quantise.CopyFrom(node)
    casts: list[NodeProto] = []
    for place in range(2):  # the value and its scale
        name = f"{node.output[0]}/float32/{place}"
        casts.append(helper.make_node("Cast", [node.input[place]], [name], to=TensorProto.FLOAT))
        quantise.input[place] = name
    return [*casts, quantise]
