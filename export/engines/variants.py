"""Other forms of a quantised graph, made on the robot from the one that the bundle carries, so that not all of them must travel.

Which of them TensorRT runs fastest depends on the board, and now and then one cannot be built at all
(https://github.com/NVIDIA/TensorRT/issues/4832: FP16 scales on Orin), so all are tried. Two exact rewrites make them:

    only(model, kind)   Q/DQ pairs in front of the other kind of weighted operator are taken out; weights that were stored as INT8 become
                        the very numbers that DequantizeLinear makes of them
    in_fp32(model)      what is FP16 becomes FP32: scales, weights, constants and casts; every FP16 number is an FP32 number
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from interfaces.errors import BundleError

Kind = Literal["conv", "linear"]

_QUANTISE, _DEQUANTISE = "QuantizeLinear", "DequantizeLinear"
_KINDS: dict[str, Kind] = {"Conv": "conv", "ConvTranspose": "conv", "MatMul": "linear", "Gemm": "linear"}
_PASSED_THROUGH = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Resize", "Pad"}
_STEPS_MAX = 8  # to the weighted operator that a quantised addition belongs to: bias, reshape, cast, ...


@dataclass(frozen=True, slots=True)
class Quantised:
    """How much of a graph is quantised, and in which type its scales are."""

    convs: int  # convolutions with a quantised input
    linears: int
    half_scales: bool


def quantised(model: ModelProto) -> Quantised:
    """Return how much of a graph is quantised; raises BundleError where its scales are no constants."""
    wiring = _Wiring(model.graph)
    kinds = [_KINDS[node.op_type] for node in wiring.readers_of_quantised() if node.op_type in _KINDS]
    scales = {wiring.constant(node.input[1]).dtype for node in model.graph.node if node.op_type == _DEQUANTISE}
    return Quantised(kinds.count("conv"), kinds.count("linear"), np.dtype(np.float16) in scales)


def only(model: ModelProto, kind: Kind) -> None:
    """Leave only operators of that kind quantised, in place, with the additions and reshapes that belong to them."""
    wiring = _Wiring(model.graph)
    for node in list(wiring.readers_of_quantised()):
        if wiring.kind_of(node) != kind:
            for index, name in enumerate(node.input):
                if wiring.is_dequantised(name):
                    node.input[index] = wiring.without_quantisation(name)
    _remove_unused(model.graph)


def in_fp32(model: ModelProto) -> None:
    """Compute in FP32 what is computed in FP16, in place; raises BundleError where an input or output of the graph is FP16."""
    for value in (*model.graph.input, *model.graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            raise BundleError(f"{value.name} is float16; inputs and outputs of a graph are float32 or uint8")
    for graph in _graphs(model.graph):
        _widen_graph(graph)


class _Wiring:
    """Who makes and who reads the tensors of a graph."""

    def __init__(self, graph: GraphProto) -> None:
        self._graph = graph
        self._made_by = {name: node for node in graph.node for name in node.output}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._floats: dict[str, str] = {}  # by name of the dequantised tensor
        self._readers: defaultdict[str, list[NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self._readers[name].append(node)

    def is_dequantised(self, name: str) -> bool:
        node = self._made_by.get(name)
        return node is not None and node.op_type == _DEQUANTISE

    def readers_of_quantised(self) -> Iterator[NodeProto]:
        """Return the nodes that compute with what was quantised."""
        for node in self._graph.node:
            if node.op_type not in {_QUANTISE, _DEQUANTISE} and any(map(self.is_dequantised, node.input)):
                yield node

    def kind_of(self, node: NodeProto) -> Kind | None:
        """Return to which kind of weighted operator a node's quantised inputs belong; None where to none."""
        if node.op_type in _KINDS:
            return _KINDS[node.op_type]
        if node.op_type in _PASSED_THROUGH:
            kinds: set[Kind | None] = {self.kind_of(reader) for name in node.output for reader in self._readers[name]}
            return kinds.pop() if len(kinds) == 1 else None
        return self._kind_before(node)

    def _kind_before(self, node: NodeProto) -> Kind | None:
        """Return the kind of the nearest weighted operator whose output a node reads: an addition is fused into that one."""
        nearest = [node]
        for _ in range(_STEPS_MAX):
            names = [name for one in nearest for name in one.input if not self.is_dequantised(name)]
            nearest = [self._made_by[name] for name in names if name in self._made_by]
            for one in nearest:
                if one.op_type in _KINDS:
                    return _KINDS[one.op_type]
        return None

    def constant(self, name: str) -> NDArray[np.generic]:
        if name in self._constants:
            return numpy_helper.to_array(self._constants[name])
        node = self._made_by.get(name)
        if node is not None and node.op_type == "Constant" and node.attribute[0].name == "value":
            return numpy_helper.to_array(node.attribute[0].t)
        raise BundleError(f"{name}: a scale or quantised weight that is no constant")

    def without_quantisation(self, name: str) -> str:
        """Return the tensor that is `name` but for being quantised: what went into the pair, or stored weights as floats."""
        node = self._made_by[name]
        before = self._made_by.get(node.input[0])
        if before is not None and before.op_type == _QUANTISE:
            return before.input[0]
        if name not in self._floats:
            self._floats[name] = f"{name}_float"
            weights = numpy_helper.from_array(self._dequantised(node), self._floats[name])
            self._graph.initializer.append(weights)
        return self._floats[name]

    def _dequantised(self, node: NodeProto) -> NDArray[np.generic]:
        """Return what a DequantizeLinear makes of constant weights: https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html ."""
        stored, scale = self.constant(node.input[0]), self.constant(node.input[1])
        zero = self.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros_like(scale, np.int8)
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        if scale.ndim == 1 and scale.size > 1:
            sides = [1] * stored.ndim
            sides[axis] = -1
            scale, zero = scale.reshape(sides), zero.reshape(sides)
        # The product of INT8 and FP16 is exact in FP32, so that it is rounded once.
        exact = (stored.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)
        return exact.astype(scale.dtype)


def _remove_unused(graph: GraphProto) -> None:
    """Take out quantisation that nobody reads any more, and the constants that only it read."""
    outputs = {value.name for value in graph.output}
    while True:
        read = outputs | {name for node in graph.node for name in node.input}
        unread = [
            node for node in graph.node if node.op_type in {_QUANTISE, _DEQUANTISE} and node.output[0] not in read
        ]
        if not unread:
            break
        for node in unread:
            graph.node.remove(node)
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _graphs(graph: GraphProto) -> Iterable[GraphProto]:
    """Return a graph and those inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _graphs(inner)


def _widen_graph(graph: GraphProto) -> None:
    for tensor in graph.initializer:
        _widen(tensor)
    for value in graph.value_info:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in graph.node:
        for attribute in node.attribute:
            _widen_attribute(attribute)


def _widen_attribute(attribute: AttributeProto) -> None:
    if attribute.HasField("t"):
        _widen(attribute.t)
    is_type = attribute.name in {"to", "dtype", "output_dtype"} and attribute.type == AttributeProto.INT
    if is_type and attribute.i == TensorProto.FLOAT16:
        attribute.i = TensorProto.FLOAT


def _widen(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT16:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
