"""An ONNX graph as the rules look at it: who makes and who reads each tensor, its type, its shape, and constant values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.shape_inference
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

# Shape inference reads values only where they are shapes, axes or counts; weights would be copied for nothing.
_READ_BY_INFERENCE_ELEMENTS = 1024

Shape = tuple[int | None, ...]


class GraphView:
    """Tensors and nodes of a graph, with the types and shapes that ONNX's own inference finds.

    Graphs above 2 GB are looked at without their external data (`onnx.load(..., load_external_data=False)`): `folder` is
    where that data lies, and only the small tensors that a rule asks for are read.
    """

    def __init__(self, model: ModelProto, folder: Path | None = None) -> None:
        self.model = model
        self._folder = str(folder) if folder else ""
        graph = model.graph
        self.nodes = list(graph.node)
        self.constants = _constants(graph)
        self.inputs = [value for value in graph.input if value.name not in self.constants]
        self.outputs = list(graph.output)
        self.producers = {name: node for node in self.nodes for name in node.output if name}
        self.consumers: dict[str, list[tuple[NodeProto, int]]] = {}
        for node in self.nodes:
            for index, name in enumerate(node.input):
                self.consumers.setdefault(name, []).append((node, index))
        self.types: dict[str, int] = {name: tensor.data_type for name, tensor in self.constants.items()}
        self.shapes: dict[str, Shape] = {name: tuple(tensor.dims) for name, tensor in self.constants.items()}
        for value in _inferred(model):
            self._take(value)

    def values(self, name: str) -> NDArray[Any] | None:
        """Return what the constant tensor `name` holds; None when it is not constant."""
        tensor = self.constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor, base_dir=self._folder)

    def attribute(self, node: NodeProto, name: str, default: Any) -> Any:
        """Return the attribute `name` of a node, text as str."""
        for attribute in node.attribute:
            if attribute.name == name:
                value = helper.get_attribute_value(attribute)
                return value.decode() if isinstance(value, bytes) else value
        return default

    def _take(self, value: ValueInfoProto) -> None:
        tensor = value.type.tensor_type
        if tensor.elem_type:
            self.types[value.name] = tensor.elem_type
        if tensor.HasField("shape"):
            self.shapes[value.name] = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)


def name_of(node: NodeProto) -> str:
    """Return how a person finds this node in the graph."""
    return node.name or f"{node.op_type} -> {next(iter(node.output), 'nothing')}"


def type_name(elem_type: int) -> str:
    """Return the name of an element type, as ONNX writes it."""
    return (
        TensorProto.DataType.Name(elem_type).lower() if elem_type in TensorProto.DataType.values() else str(elem_type)
    )


def has_subgraph(node: NodeProto) -> bool:
    """Return whether a node carries graphs of its own."""
    return any(attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for attribute in node.attribute)


def _constants(graph: GraphProto) -> dict[str, TensorProto]:
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            constants |= [(node.output[0], held) for attribute in node.attribute for held in _constant(attribute)]
    return constants


def _constant(attribute: AttributeProto) -> list[TensorProto]:
    """Return what a Constant node holds, however it was written; sparse values and text are for the rule of operators."""
    if attribute.name == "value":
        return [attribute.t]
    if attribute.name in ("value_float", "value_floats"):
        return [numpy_helper.from_array(np.asarray(helper.get_attribute_value(attribute), np.float32))]
    if attribute.name in ("value_int", "value_ints"):
        return [numpy_helper.from_array(np.asarray(helper.get_attribute_value(attribute), np.int64))]
    return []


def _inferred(model: ModelProto) -> list[ValueInfoProto]:
    """Return types and shapes of inputs, outputs and what lies between; what an older pass left written is not believed."""
    skeleton = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions)
    graph = model.graph
    skeleton.graph.name = graph.name
    skeleton.graph.node.extend(graph.node)
    skeleton.graph.input.extend(graph.input)
    skeleton.graph.output.extend(ValueInfoProto(name=value.name) for value in graph.output)
    skeleton.graph.initializer.extend(_without_weights(tensor) for tensor in graph.initializer)
    inferred = onnx.shape_inference.infer_shapes(skeleton, data_prop=True).graph
    return [*inferred.input, *inferred.value_info, *inferred.output]


def _without_weights(tensor: TensorProto) -> TensorProto:
    elements = 1
    for size in tensor.dims:
        elements *= size
    if elements <= _READ_BY_INFERENCE_ELEMENTS and tensor.data_location != TensorProto.EXTERNAL:
        return tensor
    return TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
