"""The tensors of an ONNX graph: static shapes, element types, and which are known before it runs.

Works without the weights: a graph with external data is loaded without them, for shapes and element types stand in the graph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from onnx import NodeProto, TensorProto, helper, shape_inference

from interfaces.errors import BundleError

_BYTES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "float64": 8.0, "bool": 1.0, "int4": 0.5, "uint4": 0.5}
_WITH_GRAPHS_INSIDE = frozenset({"If", "Loop", "Scan", "SequenceMap"})


@dataclass(frozen=True, slots=True)
class Tensor:
    """Shape and element type."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def n_elements(self) -> int:
        """Return how many numbers it holds."""
        return math.prod(self.shape)

    @property
    def element_bytes(self) -> float:
        """Return how much memory one of them takes."""
        known = _BYTES.get(self.dtype)
        return known if known is not None else int(self.dtype.strip("uint")) / 8  # int8, uint8, int64, ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A graph with what is known of its tensors."""

    name: str
    nodes: tuple[NodeProto, ...]  # in an order in which they can run, those left out that are known before
    producers: dict[str, NodeProto]  # of all tensors that a node makes
    tensors: dict[str, Tensor]
    constants: frozenset[str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def tensor(self, name: str) -> Tensor:
        """Return one tensor; raises BundleError where its shape is not known."""
        found = self.tensors.get(name)
        if found is None:
            raise BundleError(
                f"{self.name}: the shape of tensor {name} is not known; expected a graph with static shapes"
            )
        return found

    def retyped(self, before: str, after: str) -> Graph:
        """Return the graph as if all tensors inside of one element type had another; inputs and outputs stay."""
        outside = {*self.inputs, *self.outputs}
        tensors = {
            name: replace(tensor, dtype=after) if tensor.dtype == before and name not in outside else tensor
            for name, tensor in self.tensors.items()
        }
        return replace(self, tensors=tensors)


def read_graph(path: Path) -> Graph:
    """Return the graph in an ONNX file, whose external data may be absent; raises BundleError where it cannot be counted."""
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}; expected an ONNX graph") from error
    except Exception as error:  # protobuf has its own errors, without a common home
        raise BundleError(f"{path}: not an ONNX graph: {error}") from error
    return graph_of(model, path.name)


def graph_of(model: onnx.ModelProto, name: str) -> Graph:
    """Return the graph of a model; raises BundleError where it cannot be counted."""
    try:
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    except shape_inference.InferenceError as error:
        raise BundleError(f"{name}: {error}; expected a graph that ONNX can follow") from error
    for node in inferred.node:
        if node.op_type in _WITH_GRAPHS_INSIDE:
            raise BundleError(f"{name}: node {node.name} is {node.op_type}, a graph of its own inside: not counted")
    tensors = {tensor.name: Tensor(tuple(tensor.dims), _dtype(tensor.data_type)) for tensor in inferred.initializer}
    constants = set(tensors)
    for value in (*inferred.value_info, *inferred.input, *inferred.output):
        found = _tensor(value)
        if found is not None:
            tensors.setdefault(value.name, found)
    nodes: list[NodeProto] = []
    for node in inferred.node:
        if node.op_type == "Shape" or all(given in constants for given in node.input if given):
            constants.update(node.output)
            _note_constant(node, tensors)
        else:
            nodes.append(node)
    return Graph(
        name=name,
        nodes=tuple(nodes),
        producers={output: node for node in inferred.node for output in node.output},
        tensors=tensors,
        constants=frozenset(constants),
        inputs=tuple(value.name for value in inferred.input if value.name not in constants),
        outputs=tuple(value.name for value in inferred.output),
    )


def _note_constant(node: NodeProto, tensors: dict[str, Tensor]) -> None:
    for attribute in node.attribute:
        if node.op_type == "Constant" and attribute.name == "value":
            tensors.setdefault(node.output[0], Tensor(tuple(attribute.t.dims), _dtype(attribute.t.data_type)))


def _tensor(value: onnx.ValueInfoProto) -> Tensor | None:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape") or kind.elem_type == TensorProto.UNDEFINED:
        return None
    if not all(dim.HasField("dim_value") for dim in kind.shape.dim):
        return None
    return Tensor(tuple(dim.dim_value for dim in kind.shape.dim), _dtype(kind.elem_type))


def _dtype(data_type: int) -> str:
    if data_type == TensorProto.INT4 or data_type == TensorProto.UINT4:
        return TensorProto.DataType.Name(data_type).lower()  # numpy has no such
    return str(helper.tensor_dtype_to_np_dtype(data_type))
