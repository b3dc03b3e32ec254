"""Who makes a tensor, who reads it, its shape and type, and whether it is a constant: what every pass over a graph asks."""

from __future__ import annotations

from collections import defaultdict
from math import prod

import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

from interfaces.errors import BundleError

Shape = tuple[int, ...]


class GraphIndex:
    """A read-only view of a graph as it is now; make a new one after changing the graph."""

    def __init__(self, model: ModelProto) -> None:
        graph = model.graph
        self.nodes = list(graph.node)
        self.inputs = [value.name for value in graph.input]
        self.outputs = [value.name for value in graph.output]
        self.initializers: dict[str, TensorProto] = {tensor.name: tensor for tensor in graph.initializer}
        self.producers: dict[str, NodeProto] = {name: node for node in self.nodes for name in node.output if name}
        self._consumers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in dict.fromkeys(node.input):
                if name:
                    self._consumers[name].append(node)
        self._values = _values(model)
        self.constants = self._find_constants()

    def consumers(self, tensor: str) -> list[NodeProto]:
        """Return the nodes that read a tensor, each once, in graph order."""
        return self._consumers.get(tensor, [])

    def only_reader(self, tensor: str) -> NodeProto | None:
        """Return the one node that reads a tensor, or None when several do, or the world outside does."""
        readers = self.consumers(tensor)
        return readers[0] if len(readers) == 1 and tensor not in self.outputs else None

    def shape(self, tensor: str) -> Shape:
        """Return the static shape of a tensor; raises BundleError when it has none."""
        if tensor in self.initializers:
            return tuple(self.initializers[tensor].dims)
        value = self._values.get(tensor)
        dims = list(value.type.tensor_type.shape.dim) if value is not None else None
        if dims is None or any(dim.WhichOneof("value") != "dim_value" for dim in dims):
            raise BundleError(f"tensor {tensor} of the graph has no static shape; export with static shapes")
        return tuple(dim.dim_value for dim in dims)

    def size(self, tensor: str) -> int:
        """Return the number of elements of a tensor."""
        return prod(self.shape(tensor))

    def dtype(self, tensor: str) -> int:
        """Return the element type of a tensor (onnx.TensorProto.FLOAT, ...), or 0 when the graph does not say it."""
        if tensor in self.initializers:
            return self.initializers[tensor].data_type
        value = self._values.get(tensor)
        return value.type.tensor_type.elem_type if value is not None else 0

    def complete(self, model: ModelProto) -> None:
        """Write into the graph what it did not say of its tensors' shapes and types."""
        graph = model.graph
        said = {value.name for value in (*graph.input, *graph.output, *graph.value_info)}
        graph.value_info.extend(value for name, value in self._values.items() if name not in said)

    def _find_constants(self) -> set[str]:
        """Return the tensors that no input reaches: weights, and what is computed from weights alone."""
        constants = set(self.initializers)
        for node in self.nodes:
            if all(name in constants for name in node.input if name):
                constants.update(node.output)
        return constants


def _values(model: ModelProto) -> dict[str, ValueInfoProto]:
    graph = model.graph
    values = {value.name: value for value in (*graph.input, *graph.output, *graph.value_info)}
    if all(name in values for node in graph.node for name in node.output if name):
        return values
    inferred = onnx.shape_inference.infer_shapes(_light(model), data_prop=True).graph
    return {**{value.name: value for value in inferred.value_info}, **values}


def _light(model: ModelProto) -> ModelProto:
    """Return the model without the contents of its large weights: shape inference wants them under 2 GB, and does not need them."""
    light = ModelProto()
    light.ir_version = model.ir_version
    light.opset_import.extend(model.opset_import)
    light.graph.name = model.graph.name
    light.graph.node.extend(model.graph.node)
    light.graph.input.extend(model.graph.input)
    light.graph.output.extend(model.graph.output)
    light.graph.value_info.extend(model.graph.value_info)
    for tensor in model.graph.initializer:
        if prod(tensor.dims) <= 64:  # shapes, axes and the like
            light.graph.initializer.append(tensor)
        else:
            light.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return light
