"""Operations and bytes of a graph, kernel by kernel.

Multiply-accumulates of products, by precision; numbers that pass through element-wise operators, norms and softmax; and what each
kernel moves: weights at their stored precision, activations in and out. Every kernel is taken to read and write the memory
itself: small activations may stay in the board's L2 cache (4 MB, 2 MB on NX and Nano), so for a network of a few megabytes the
bytes are what is asked for, not what the memory must carry.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from onnx import NodeProto

from export.roofline.fusion import Kernel, kernels_of
from export.roofline.operations import kind_of, product_macs, require_counted
from export.roofline.storage import data_inputs, parts_of, precision_of
from export.roofline.tensors import Graph

Assumed = Literal["fp32", "fp16", "int8"]
PRODUCTS = ("conv", "linear", "attention")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One kernel, counted."""

    name: str
    kind: str  # conv, linear, attention, or what else it is about
    precision: str  # of its products; without any, that of its type
    macs: int
    element_wise: int  # numbers that element-wise operators make
    normalised: int
    softmaxed: int
    weights_bytes: float
    read_bytes: float  # activations
    written_bytes: float

    @property
    def moved_bytes(self) -> float:
        """Return what the memory carries."""
        return self.weights_bytes + self.read_bytes + self.written_bytes


def count(graph: Graph, assumed: Assumed | None = None) -> tuple[Layer, ...]:
    """Return the layers of a graph; raises BundleError where something in it cannot be counted.

    `assumed` counts the graph as if it were in another precision: "fp32" or "fp16" all of it, "int8" moreover the weights and the inputs
    of every convolution and linear layer, products of activations excepted.
    """
    require_counted(graph)
    if assumed is not None:
        graph = graph.retyped("float16", "float32") if assumed == "fp32" else graph.retyped("float32", "float16")
    kernels = kernels_of(graph)
    traffic = _Traffic(graph, kernels, in_8_bits=assumed == "int8")
    return tuple(traffic.layer(index) for index in range(len(kernels)))


class _Traffic:
    """Who reads and writes what."""

    def __init__(self, graph: Graph, kernels: list[Kernel], *, in_8_bits: bool) -> None:
        self._graph = graph
        self._kernels = kernels
        self._in_8_bits = in_8_bits
        self._made_by = {name: i for i, kernel in enumerate(kernels) for node in kernel.nodes for name in node.output}
        self._reads: list[Counter[str]] = [self._read_by(i) for i in range(len(kernels))]
        outputs = {part.stored for name in graph.outputs for part in parts_of(graph, name)}
        self._written = outputs.union(*self._reads)
        self._stored_in_8_bits = self._only_for_8_bits(outputs) if in_8_bits else set[str]()

    def layer(self, index: int) -> Layer:
        kernel, graph = self._kernels[index], self._graph
        products = [node for node in kernel.nodes if kind_of(node) == "product"]
        macs = {node.output[0]: product_macs(graph, node) for node in products}
        first = max(products, key=lambda node: macs[node.output[0]], default=kernel.nodes[0])
        made = [name for node in kernel.nodes for name in node.output if self._made_by.get(name) == index]
        return Layer(
            name=first.name or first.output[0],
            kind=self._product_kind(first) if products else kernel.kind,
            precision=self._precision(first),
            macs=sum(macs.values()),
            element_wise=self._through(kernel, "element-wise"),
            normalised=self._through(kernel, "norm"),
            softmaxed=self._through(kernel, "softmax"),
            weights_bytes=sum(self._bytes(name, n) for name, n in self._reads[index].items() if self._constant(name)),
            read_bytes=sum(self._bytes(name, n) for name, n in self._reads[index].items() if not self._constant(name)),
            written_bytes=sum(
                self._bytes(name, graph.tensor(name).n_elements) for name in made if name in self._written
            ),
        )

    def _read_by(self, index: int) -> Counter[str]:
        """Return how many numbers a kernel reads of each stored tensor that it did not make itself, each at most once."""
        reads: Counter[str] = Counter()
        for node in self._kernels[index].nodes:
            for name in data_inputs(self._graph, node):
                for part in parts_of(self._graph, name):
                    if self._made_by.get(part.stored) != index:
                        most = self._graph.tensor(part.stored).n_elements
                        reads[part.stored] = min(most, reads[part.stored] + part.n_elements)
        return reads

    def _only_for_8_bits(self, outputs: set[str]) -> set[str]:
        """Return the stored tensors that nobody reads but convolutions and linear layers."""
        wanted: set[str] = set()
        others: set[str] = set(outputs)
        for index, kernel in enumerate(self._kernels):
            for node in kernel.nodes:
                quantised = kind_of(node) == "product" and self._product_kind(node) != "attention"
                for place, name in enumerate(data_inputs(self._graph, node)):
                    parts = {part.stored for part in parts_of(self._graph, name)}
                    outside = {stored for stored in parts if self._made_by.get(stored) != index}
                    (wanted if quantised and place < 2 else others).update(outside)  # the third is the bias
        return wanted - others - set(self._graph.inputs)

    def _bytes(self, name: str, n_elements: int) -> float:
        return n_elements * (1.0 if name in self._stored_in_8_bits else self._graph.tensor(name).element_bytes)

    def _constant(self, name: str) -> bool:
        return name in self._graph.constants

    def _product_kind(self, node: NodeProto) -> str:
        if node.op_type in {"Conv", "ConvTranspose"}:
            return "conv"
        return "linear" if any(name in self._graph.constants for name in node.input[:2]) else "attention"

    def _precision(self, node: NodeProto) -> str:
        if kind_of(node) != "product":
            return "fp16" if self._graph.tensor(node.output[0]).dtype in {"float16", "bfloat16"} else "fp32"
        if self._in_8_bits and self._product_kind(node) != "attention":
            return "int8"
        return precision_of(self._graph, node)

    def _through(self, kernel: Kernel, kind: str) -> int:
        return sum(self._graph.tensor(node.output[0]).n_elements for node in kernel.nodes if kind_of(node) == kind)
