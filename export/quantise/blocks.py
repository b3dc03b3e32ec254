"""The parts of a graph that can be quantised, and which of them stay in higher precision unless somebody says otherwise.

What stays, and why: NVIDIA, "Working with Quantized Types" (TensorRT documentation) on where to place Q/DQ; attention products cost
most accuracy in our own trial, and matrix products of one row have no matrix to speed up.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import prod
from typing import Literal

from onnx import ModelProto, NodeProto, TensorProto

from export.quantise.graph_index import GraphIndex

Layout = Literal["trt-int8", "cpu-int8"]
Kind = Literal["conv", "linear", "product"]

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_CPU_MACS_MIN = 1_000_000  # measured: 0.7 M took 16 us in fp32 and 17 us with all that INT8 needs around it
_WAVES = ("Sin", "Cos")  # a time or position embedding begins with these
_PREPARATIONS = (
    "Cast", "Unsqueeze", "Squeeze", "Reshape", "Transpose", "Slice", "Gather", "Pad", "Resize", "AveragePool", "MatMul",
)  # fmt: skip
_ON_THE_WAY_TO_SOFTMAX = ("Reshape", "Transpose", "Mul", "Div", "Add", "Sub", "Where", "Cast", "Squeeze", "Unsqueeze")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Nodes that are quantised together: one product with weights, or several with the same weights."""

    name: str  # for people: the module's path, as in the checkpoint, where the graph still tells it
    nodes: tuple[str, ...]
    kind: Kind
    macs: int  # multiply-accumulates in one run
    kept_because: str | None  # None: quantised by default


def blocks_of(model: ModelProto, layout: Layout = "trt-int8") -> tuple[Block, ...]:
    """Return the blocks of a graph in its order; raises BundleError when a shape is not static."""
    index = GraphIndex(model)
    groups: dict[str, list[NodeProto]] = defaultdict(list)
    for node in index.nodes:
        if node.op_type in WEIGHTED:
            weight = weight_of(node, index)
            groups[node.name if weight is None else weight].append(node)
    reasons = _Reasons(index, layout)
    taken: set[str] = set()
    return tuple(
        Block(
            name=_unique(_name(nodes[0], index), taken),
            nodes=tuple(node.name for node in nodes),
            kind=_kind(nodes[0], index),
            macs=sum(_macs(node, index) for node in nodes),
            kept_because=reasons.of(nodes),
        )
        for nodes in groups.values()
    )


def weight_of(node: NodeProto, index: GraphIndex) -> str | None:
    """Return the weight of a Conv, ConvTranspose, Gemm or MatMul, or None for the product of two activations."""
    if node.op_type in ("Conv", "ConvTranspose"):
        return node.input[1] if node.input[1] in index.initializers else None
    return next((name for name in (node.input[1], node.input[0]) if name in index.initializers), None)


def _kind(node: NodeProto, index: GraphIndex) -> Kind:
    if node.op_type in ("Conv", "ConvTranspose"):
        return "conv"
    return "linear" if weight_of(node, index) is not None else "product"


def _name(node: NodeProto, index: GraphIndex) -> str:
    """Return the module's path: from the node (see export/module_names.py), else from its weight or bias, else the node's name."""
    if not node.name.startswith("node_"):
        return node.name
    weight = weight_of(node, index)
    if weight is not None and weight.endswith(".weight"):
        return weight.removesuffix(".weight")
    return _bias_module(node, index) or node.name


def _bias_module(node: NodeProto, index: GraphIndex) -> str | None:
    reader = index.only_reader(node.output[0])
    if reader is None or reader.op_type != "Add":
        return None
    bias = next((name for name in reader.input if name in index.initializers and name.endswith(".bias")), None)
    return None if bias is None else bias.removesuffix(".bias")


def _unique(name: str, taken: set[str]) -> str:
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}.{number}", number + 1
    taken.add(unique)
    return unique


def _macs(node: NodeProto, index: GraphIndex) -> int:
    out = index.size(node.output[0])
    if node.op_type == "Conv":
        return out * prod(index.shape(node.input[1])[1:])
    if node.op_type == "ConvTranspose":
        return index.size(node.input[0]) * prod(index.shape(node.input[1])[1:])
    return out * rows_and_depth(node, index)[1]


def rows_and_depth(node: NodeProto, index: GraphIndex) -> tuple[int, int]:
    """Return, of a Gemm or MatMul, the number of rows of the product and the length of its sums."""
    left = index.shape(node.input[0])
    turned = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    depth = left[-2] if turned else left[-1]
    return prod(left) // depth, depth


class _Reasons:
    """Why a block stays in higher precision."""

    def __init__(self, index: GraphIndex, layout: Layout) -> None:
        self._index = index
        self._layout: Layout = layout
        self._sources = self._reach_forward()
        self._unread = self._reach_backward()

    def of(self, nodes: list[NodeProto]) -> str | None:
        """Return the reason to keep the block of these nodes, or None."""
        return next((reason for node in nodes if (reason := self._of_node(node)) is not None), None)

    def _of_node(self, node: NodeProto) -> str | None:
        index = self._index
        if node.output[0] in index.constants:
            return "constant: computed once, when the graph is opened"
        if weight_of(node, index) is None:
            return "product of two activations (attention)"
        inputs = self._sources[node.output[0]]
        if _WAVES[0] in inputs:
            return "time embedding"
        if any(name not in ("", *_WAVES) for name in inputs):
            return f"first layer: reads {', '.join(sorted(inputs - {''}))}"
        if node.output[0] in self._unread:
            return f"last layer: makes {', '.join(self._index.outputs)}"
        if node.op_type in ("Gemm", "MatMul") and rows_and_depth(node, index)[0] == 1:
            return "one row: reading the weights is the whole work"
        return self._of_node_on_cpu(node) if self._layout == "cpu-int8" else None

    def _of_node_on_cpu(self, node: NodeProto) -> str | None:
        if node.op_type == "Conv" and self._feeds_softmax(node):
            return "its output, which is quantised, goes into a softmax"
        if _macs(node, self._index) < _CPU_MACS_MIN:
            return "small: quantising its input takes as long as it saves"
        return None

    def _reach_forward(self) -> dict[str, set[str]]:
        """Return, for each tensor, what reaches it with no product with weights between: inputs of the graph, waves, or "".

        For the output of a product with weights the set is that of its inputs: what *it* reads.
        """
        index = self._index
        reach: dict[str, set[str]] = {name: {name} for name in index.inputs}
        behind: dict[str, set[str]] = dict(reach)
        pictures = {name for name in index.inputs if index.dtype(name) == TensorProto.UINT8}
        for node in index.nodes:
            found: set[str] = set()
            for name in node.input:
                if name and name not in index.constants:
                    found |= behind.get(name, set())
            if node.op_type in _WAVES:
                found = {_WAVES[0]}
            if self._prepares(node) and pictures.issuperset(set(node.input) - index.constants):
                pictures.update(node.output)  # what resizes a picture as a product is no layer
            for name in node.output:
                reach[name] = found
                behind[name] = {""} if self._is_weighted(node) and name not in pictures else found
        return reach

    def _prepares(self, node: NodeProto) -> bool:
        """Say whether a node moves, casts, scales or resizes a picture: by one number, or by a matrix without a bias."""
        if node.op_type in ("Add", "Sub", "Mul", "Div"):
            return all(self._index.size(name) == 1 for name in node.input if name in self._index.constants)
        return node.op_type in _PREPARATIONS

    def _reach_backward(self) -> set[str]:
        """Return the tensors from which the outputs of the graph are reached with no further product with weights."""
        index = self._index
        unread = set(index.outputs)
        for node in reversed(index.nodes):
            if any(name in unread for name in node.output) and not self._is_weighted(node):
                unread.update(node.input)
        read_again = {name for node in index.nodes if self._is_weighted(node) for name in self._all_before(node)}
        return unread - read_again

    def _is_weighted(self, node: NodeProto) -> bool:
        return node.op_type in WEIGHTED and weight_of(node, self._index) is not None

    def _all_before(self, node: NodeProto) -> set[str]:
        """Return the tensors that reach a node with no product with weights between."""
        found: set[str] = set()
        waiting = [name for name in node.input if name]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found.add(name)
            producer = self._index.producers.get(name)
            if producer is not None and not self._is_weighted(producer):
                waiting.extend(name for name in producer.input if name)
        return found

    def _feeds_softmax(self, node: NodeProto) -> bool:
        waiting = [node.output[0]]
        while waiting:
            for reader in self._index.consumers(waiting.pop()):
                if reader.op_type == "Softmax":
                    return True
                if reader.op_type in _ON_THE_WAY_TO_SOFTMAX:
                    waiting.extend(reader.output)
        return False
