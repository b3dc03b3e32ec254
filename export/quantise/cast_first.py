"""A uint8 picture is cast before anything else is done to it: TensorRT takes uint8 at a graph's border and nowhere inside.

onnx-tensorrt, docs/operators.md: "UINT8 is only supported as network input or output tensor types".
"""

from __future__ import annotations

from onnx import ModelProto, NodeProto, TensorProto, helper

from export.quantise.graph_edit import replace_nodes, reroute, sort_nodes
from export.quantise.graph_index import GraphIndex
from interfaces.errors import BundleError

# They move elements and compute nothing: on floats they do what they do on bytes.
_MOVES = ("Unsqueeze", "Squeeze", "Reshape", "Flatten", "Transpose", "Slice", "Gather", "Split", "Concat", "Identity")


def cast_first(model: ModelProto) -> None:
    """Move the casts of uint8 inputs to the inputs, in place.

    Raises BundleError naming a node that computes on uint8.
    """
    index = GraphIndex(model)
    inputs = [name for name in index.inputs if index.dtype(name) == TensorProto.UINT8 and not _is_cast(name, index)]
    if not inputs:
        return
    floats = {name: f"{name}/float" for name in inputs}
    moved: set[str] = set(inputs)
    casts: dict[str, NodeProto] = {}
    for node in index.nodes:
        if moved.isdisjoint(node.input):
            continue
        if node.op_type == "Cast":
            casts[node.name] = node
        elif node.op_type in _MOVES:
            moved.update(node.output)
        else:
            raise BundleError(
                f"node {node.name} ({node.op_type}) computes on uint8; cast the picture to float before it"
            )
    for value in model.graph.value_info:
        if value.name in moved:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    reroute(model, floats)
    _drop_casts(model, casts)
    first = [helper.make_node("Cast", [name], [floats[name]], floats[name], to=TensorProto.FLOAT) for name in inputs]
    replace_nodes(model, (), first)
    model.graph.value_info.extend(
        helper.make_tensor_value_info(floats[name], TensorProto.FLOAT, index.shape(name)) for name in inputs
    )
    sort_nodes(model)


def _is_cast(name: str, index: GraphIndex) -> bool:
    return all(node.op_type == "Cast" for node in index.consumers(name))


def _drop_casts(model: ModelProto, casts: dict[str, NodeProto]) -> None:
    """Let what read a cast read what was cast; a cast to another type than float stays, now from float."""
    outputs = {value.name for value in model.graph.output}
    gone = {
        name: node
        for name, node in casts.items()
        if node.output[0] not in outputs and next(a.i for a in node.attribute if a.name == "to") == TensorProto.FLOAT
    }
    current = {node.name: node for node in model.graph.node}
    reroute(model, {node.output[0]: current[name].input[0] for name, node in gone.items()})
    replace_nodes(model, gone.keys())
