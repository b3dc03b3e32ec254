"""Along which axis of a weight tensor the output channels lie, for each operator that reads it."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import NodeProto

from export.tensorrt_rules.graph_view import GraphView


def weight_axes(view: GraphView, name: str, axis: int) -> Iterator[tuple[NodeProto, int | None]]:
    """Yield each reader of the weights `name` with the axis of its output channels, in the axes of `name`.

    None where the reader has no output channels. A Transpose in between is followed; `axis` is where the scales lie, which is all
    that matters of a permutation.
    """
    for reader, index in view.consumers.get(name, []):
        if reader.op_type == "Transpose":
            yield from _behind_transpose(view, reader, axis)
        else:
            yield reader, _output_axis(view, reader, index, name)


def _behind_transpose(view: GraphView, transpose: NodeProto, axis: int) -> Iterator[tuple[NodeProto, int | None]]:
    rank = len(view.shapes.get(transpose.input[0], ()))
    order = list(view.attribute(transpose, "perm", list(range(rank))[::-1]))
    if axis not in order:
        yield transpose, None
        return
    for reader, wanted in weight_axes(view, transpose.output[0], order.index(axis)):
        yield reader, None if wanted is None else order[wanted]


def _output_axis(view: GraphView, reader: NodeProto, index: int, name: str) -> int | None:
    rank = len(view.shapes.get(name, ()))
    if reader.op_type == "Conv" and index == 1:
        return 0
    if reader.op_type == "ConvTranspose" and index == 1:
        return 1
    if reader.op_type == "MatMul" and rank >= 2:
        return rank - 1 if index == 1 else rank - 2
    if reader.op_type == "Gemm" and index in (0, 1):
        flipped = bool(view.attribute(reader, "transB" if index == 1 else "transA", 0))
        return int(index == 1) ^ int(flipped)
    return None
