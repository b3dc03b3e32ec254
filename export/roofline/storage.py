"""Where the numbers of a tensor lie: views are looked through to the tensor that was written, at its stored precision.

A view is a reshape, slice, transpose, concatenation and the like: whoever made the parts writes them where the whole is read, or
the reader reads with another stride. So is DequantizeLinear: what lies in memory is the INT8 before it, of weights as of activations.
"""

from __future__ import annotations

from dataclasses import dataclass

from onnx import NodeProto

from export.roofline.operations import kind_of
from export.roofline.tensors import Graph


@dataclass(frozen=True, slots=True)
class Part:
    """Numbers of one stored tensor."""

    stored: str
    n_elements: int


def parts_of(graph: Graph, name: str) -> tuple[Part, ...]:
    """Return which stored tensors, and how much of them, is read by whoever reads this one."""
    producer = graph.producers.get(name)
    wanted = graph.tensor(name).n_elements
    if producer is None or kind_of(producer) != "view":
        return (Part(name, wanted),)
    parts = [part for given in view_inputs(producer) for part in parts_of(graph, given)]
    there = sum(part.n_elements for part in parts)
    if there <= wanted:  # all of it; more than once, where it is expanded
        return tuple(parts)
    return tuple(Part(part.stored, -(-part.n_elements * wanted // there)) for part in parts)


def view_inputs(node: NodeProto) -> list[str]:
    """Return the inputs of a view that hold its numbers; the others say how to look."""
    return [given for given in node.input if given] if node.op_type == "Concat" else [node.input[0]]


def data_inputs(graph: Graph, node: NodeProto) -> list[str]:
    """Return the inputs of a node that hold numbers to compute with; shapes, axes and the like are left out."""
    if kind_of(node) == "view":
        return view_inputs(node)
    return [
        given
        for given in node.input
        if given and not (given in graph.constants and graph.tensor(given).dtype in {"int64", "int32"})
    ]


def precision_of(graph: Graph, node: NodeProto) -> str:
    """Return the precision a product is computed in: int8 where both factors lie in memory as 8-bit integers, else that of its type."""
    stored = {graph.tensor(part.stored).dtype for name in node.input[:2] for part in parts_of(graph, name)}
    if stored <= {"int8", "uint8"}:
        return "int8"
    return "fp16" if graph.tensor(node.input[1]).dtype in {"float16", "bfloat16"} else "fp32"
