"""An fp32 graph as FP16: weights, activations and the scales of Q/DQ, strongly typed, with every change of type written out.

The graph's inputs and outputs keep their types; casts stand inside. Nodes in `keep_fp32` compute in float32, and between two of them
nothing passes through FP16. What an operator wants as float in any case (the scales of a Resize) it gets as float.
"""

from __future__ import annotations

from collections.abc import Collection

from onnx import ModelProto, NodeProto, TensorProto, helper

from export.quantise.cast_first import cast_first
from export.quantise.graph_edit import drop_unused, replace_nodes, sort_nodes
from export.quantise.graph_index import GraphIndex
from export.quantise.half_types import half_types
from export.quantise.half_weights import half_scale_weights, half_tensor
from interfaces.errors import ConfigError

_FLOAT, _HALF = TensorProto.FLOAT, TensorProto.FLOAT16
_EXACT_IN_HALF = (TensorProto.UINT8, TensorProto.INT8, TensorProto.BOOL)


def to_half(model: ModelProto, keep_fp32: Collection[str]) -> ModelProto:
    """Return a copy of an fp32 graph, plain or in layout trt-int8, in FP16; the nodes named in `keep_fp32` stay in float32.

    Raises ConfigError for a name that is no node, and BundleError naming an operator that has no FP16 form.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    return to_half_in_place(copy, keep_fp32)


def to_half_in_place(model: ModelProto, keep_fp32: Collection[str]) -> ModelProto:
    """Do what `to_half` does to the graph itself, and return it: for graphs of which two do not fit into memory."""
    cast_first(model)
    unknown = sorted(set(keep_fp32) - {node.name for node in model.graph.node})
    if unknown:
        raise ConfigError("the graph", "node to keep in float32", unknown[0], "the name of a node of the graph")
    index = GraphIndex(model)
    half_scale_weights(index)
    _Halving(model, index, _with_scales(index, set(keep_fp32))).run()
    drop_unused(model)
    sort_nodes(model)
    return model


def _with_scales(index: GraphIndex, kept: set[str]) -> set[str]:
    """Return the kept nodes and the Q/DQ in front of them that nobody else reads."""
    for node in reversed(index.nodes):
        if node.op_type in ("DequantizeLinear", "QuantizeLinear"):
            readers = index.consumers(node.output[0])
            if readers and all(reader.name in kept for reader in readers):
                kept = kept | {node.name}
    return kept


class _Halving:
    """Goes through the nodes in their order, and notes for every float tensor whether it now is FP16."""

    def __init__(self, model: ModelProto, index: GraphIndex, kept: set[str]) -> None:
        self._model = model
        self._index = index
        self._kept = kept
        self._opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
        self._half: set[str] = set()  # tensors made by nodes that are FP16 now
        self._casts: dict[tuple[str, int], NodeProto] = {}
        self._float_weights: set[str] = set()
        self._half_weights: set[str] = set()

    def run(self) -> None:
        """Change the graph."""
        for node in self._index.nodes:
            self._change(node)
        outputs = [self._close(name) for name in self._index.outputs if name in self._half]
        self._write_weights()
        for value in self._model.graph.value_info:
            if value.name in self._half:
                value.type.tensor_type.elem_type = _HALF
        replace_nodes(self._model, (), (*self._casts.values(), *outputs))

    def _change(self, node: NodeProto) -> None:
        if node.op_type == "Cast":
            self._change_cast(node)
            return
        types = half_types(node, self._opset)
        kept = node.name in self._kept
        bound: set[str] = set()
        for number, name in enumerate(node.input):
            if name and self._index.dtype(name) == _FLOAT:
                type_name = None if kept else types.input(number)
                bound |= {type_name} if type_name is not None else set()
                node.input[number] = self._as(name, _FLOAT if type_name is None else _HALF)
        if not kept and node.op_type in ("Constant", "ConstantOfShape"):
            bound |= self._change_constant(node)
        for number, name in enumerate(node.output):
            if name and types.output(number) in bound and self._index.dtype(name) == _FLOAT:
                self._half.add(name)

    def _change_cast(self, node: NodeProto) -> None:
        """Cast what FP16 holds exactly straight to FP16; numbers such as time steps go through float."""
        to = next(attribute for attribute in node.attribute if attribute.name == "to")
        given = node.input[0]
        small = self._index.dtype(given) in _EXACT_IN_HALF
        if to.i == _FLOAT and small and node.name not in self._kept and node.output[0] not in self._index.outputs:
            to.i = _HALF
            self._half.add(node.output[0])
        elif self._index.dtype(given) == _FLOAT:
            node.input[0] = self._as(given, _FLOAT)

    def _change_constant(self, node: NodeProto) -> set[str]:
        """Turn a constant that stands in a node, and return the name of its type."""
        for attribute in node.attribute:
            if attribute.name == "value" and attribute.t.data_type == _FLOAT:
                attribute.t.CopyFrom(half_tensor(attribute.t, attribute.t.name))
                return {name for name in half_types(node, self._opset).outputs if name is not None}
        return set()

    def _as(self, name: str, wanted: int) -> str:
        """Return the name under which a float tensor has the wanted type."""
        if name in self._index.initializers:
            (self._half_weights if wanted == _HALF else self._float_weights).add(name)
            return _half_name(name) if wanted == _HALF else name
        if (name in self._half) == (wanted == _HALF):
            return name
        if (name, wanted) not in self._casts:
            new = _half_name(name) if wanted == _HALF else f"{name}/float"
            self._casts[name, wanted] = helper.make_node("Cast", [name], [new], new, to=wanted)
            value = helper.make_tensor_value_info(new, wanted, self._index.shape(name))
            self._model.graph.value_info.append(value)
        return self._casts[name, wanted].output[0]

    def _close(self, output: str) -> NodeProto:
        """Return the cast that makes an output of the graph float again; what computed it makes another tensor."""
        inside = _half_name(output)
        for node in (*self._index.nodes, *self._casts.values()):
            node.output[:] = [inside if name == output else name for name in node.output]
            node.input[:] = [inside if name == output else name for name in node.input]
        return helper.make_node("Cast", [inside], [output], f"{output}/cast", to=_FLOAT)

    def _write_weights(self) -> None:
        initializers = self._model.graph.initializer
        for name in sorted(self._half_weights):
            initializers.append(half_tensor(self._index.initializers[name], _half_name(name)))
            if name not in self._float_weights:
                self._index.initializers[name].ClearField("raw_data")  # dropped below: no two copies of all weights


def _half_name(name: str) -> str:
    return f"{name}/half"
