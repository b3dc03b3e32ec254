"""Which operators run as one kernel: an assumption, optimistic, in the way of TensorRT and TVM.

- Convolutions and matrix products take what is element-wise behind them into their own kernel, with the other operands
  (a residual, a modulation, a quantisation) read on the way. So do norms, softmax, reductions and copies (resize, pad).
- A reduction is taken into the kernel of what is element-wise before it.
- Product - softmax - product of activations is one kernel: the scores never reach the memory.
- Views cost nothing (export/roofline/storage.py), constants are computed before.

The first two are the rules of TVM (Chen et al., OSDI 2018, section 3: injective, reduction, complex-out-fusable), the third that
of FlashAttention and of TensorRT's fused attention. An operator joins the kernel it reads the largest tensor from, if no other of
its operands needs that kernel to be done before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from onnx import NodeProto

from export.roofline.operations import Kind, kind_of
from export.roofline.storage import data_inputs, parts_of
from export.roofline.tensors import Graph


@dataclass(slots=True)
class Kernel:
    """Nodes that run as one."""

    kind: Kind
    nodes: list[NodeProto] = field(default_factory=list[NodeProto])


def kernels_of(graph: Graph) -> list[Kernel]:
    """Return the kernels of a graph, in an order of their beginnings; views are in none."""
    return _Fusion(graph).kernels


class _Fusion:
    def __init__(self, graph: Graph) -> None:
        self.kernels: list[Kernel] = []
        self._graph = graph
        self._made_by: dict[str, int] = {}  # stored tensor -> kernel
        self._before: list[int] = []  # of each kernel, those that must be done before: one bit a kernel
        self._uses = _uses(graph)
        waiting: dict[int, list[NodeProto]] = {}  # id of the closing product -> what is inside its kernel
        inside = self._attention(waiting)
        for node in graph.nodes:
            if kind_of(node) == "view" or id(node) in inside:
                continue
            if id(node) in waiting:
                self._open(waiting[id(node)])
            else:
                self._place(node)

    def _place(self, node: NodeProto) -> None:
        kind = kind_of(node)
        sources = self._sources(node)
        for kernel in sorted(sources, key=lambda kernel: -sources[kernel]):
            joins = kind == "element-wise" or (kind == "reduction" and self.kernels[kernel].kind == "element-wise")
            if joins and not any(self._before[other] >> kernel & 1 for other in sources):
                self._join(kernel, node, sources)
                return
        self._open([node])

    def _open(self, nodes: list[NodeProto]) -> None:
        self.kernels.append(Kernel(kind_of(nodes[-1]), nodes))
        self._before.append(0)
        index = len(self.kernels) - 1
        for node in nodes:
            self._made_by.update(dict.fromkeys(node.output, index))
        self._order(index, {source for node in nodes for source in self._sources(node)} - {index})

    def _join(self, kernel: int, node: NodeProto, sources: dict[int, int]) -> None:
        if kind_of(node) == "reduction":
            self.kernels[kernel].kind = "reduction"
        self.kernels[kernel].nodes.append(node)
        self._made_by.update(dict.fromkeys(node.output, kernel))
        self._order(kernel, set(sources) - {kernel})

    def _order(self, kernel: int, others: set[int]) -> None:
        """Note that the others, and what they wait for, come before a kernel and all that wait for it."""
        new = 0
        for other in others:
            new |= self._before[other] | 1 << other
        if new & ~self._before[kernel]:
            for waiting in range(len(self._before)):
                if waiting == kernel or self._before[waiting] >> kernel & 1:
                    self._before[waiting] |= new

    def _sources(self, node: NodeProto) -> dict[int, int]:
        """Return the kernels a node reads from, with the size of what it reads."""
        sources: dict[int, int] = {}
        for name in data_inputs(self._graph, node):
            for part in parts_of(self._graph, name):
                kernel = self._made_by.get(part.stored)
                if kernel is not None:
                    sources[kernel] = max(sources.get(kernel, 0), part.n_elements)
        return sources

    def _attention(self, waiting: dict[int, list[NodeProto]]) -> set[int]:
        """Find product - softmax - product, note them by the product that closes them, and return what is inside."""
        inside: set[int] = set()
        for node in self._graph.nodes:
            scores = self._scores_behind(node) if node.op_type == "Softmax" else None
            closing = self._alone(node)
            while scores is not None and closing is not None and closing.op_type != "MatMul":
                scores.append(closing)
                closing = self._alone(closing) if kind_of(closing) in {"element-wise", "view"} else None
            if scores is not None and closing is not None:
                waiting[id(closing)] = [each for each in scores if kind_of(each) != "view"] + [closing]
                inside.update(id(each) for each in scores)
        return inside

    def _scores_behind(self, softmax: NodeProto) -> list[NodeProto] | None:
        """Return product to softmax in running order, where nobody else reads what is between."""
        chain = [softmax]
        while chain[0].op_type != "MatMul":
            before = [
                node
                for name in data_inputs(self._graph, chain[0])
                if name not in self._graph.constants and (node := self._graph.producers.get(name)) is not None
                if self._alone(node) is chain[0]
            ]
            if len(before) != 1 or kind_of(before[0]) not in {"element-wise", "view", "product"}:
                return None
            chain.insert(0, before[0])
        both_activations = not any(name in self._graph.constants for name in chain[0].input)
        return chain if both_activations else None

    def _alone(self, node: NodeProto) -> NodeProto | None:
        """Return the only node that reads what this one makes."""
        users = [user for name in node.output for user in self._uses.get(name, [])]
        return users[0] if len(users) == 1 and not set(node.output) & set(self._graph.outputs) else None


def _uses(graph: Graph) -> dict[str, list[NodeProto]]:
    uses: dict[str, list[NodeProto]] = {}
    for node in graph.nodes:
        for name in node.input:
            uses.setdefault(name, []).append(node)
    return uses
