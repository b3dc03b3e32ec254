"""Element types in a strongly typed network: nothing is cast that the graph does not cast.

Sources: operators.md of github.com/onnx/onnx-tensorrt ("limited support for DOUBLE", "UINT8 is only supported as network input or
output tensor types", "INT8 is treated as a quantized type"); the schemas of ONNX's opset 20, which say what inputs must agree.
"""

from __future__ import annotations

from collections.abc import Iterator

from onnx import NodeProto, TensorProto, defs

from export.tensorrt_rules.finding import Finding
from export.tensorrt_rules.graph_view import GraphView, name_of, type_name
from export.tensorrt_rules.model_rules import OPSET
from export.tensorrt_rules.operators import ACCEPTED, DATA_INPUT

_KNOWN = (
    TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.INT8, TensorProto.INT32, TensorProto.INT64,
    TensorProto.BOOL, TensorProto.UINT8,
)  # fmt: skip
_WHY: dict[int, str] = {
    TensorProto.DOUBLE: "TensorRT would make it float and clamp without a word: export in float32",
    TensorProto.UINT8: "uint8 is for pictures at the graph's input only",
}


def type_rules(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    """Yield what is wrong with the element types a node reads and makes."""
    if node.op_type not in ACCEPTED:
        return
    wrong = [*_uint8(view, node), *_unknown_types(view, node)]
    yield from wrong or _operands(view, node)


def _operands(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    mixed = _mixed(view, node)
    if mixed:
        yield mixed
        return
    index = DATA_INPUT.get(node.op_type, 0)
    data = node.input[index] if index < len(node.input) else ""
    found = view.types.get(data)
    if found is not None and found not in ACCEPTED[node.op_type]:
        taken = ", ".join(sorted(type_name(one) for one in ACCEPTED[node.op_type]))
        yield Finding(
            node=name_of(node),
            rule="type",
            problem=f"{node.op_type} of {type_name(found)} ({data})",
            remedy=f"TensorRT 10.3 takes {taken}: {_cast_advice(found)}",
        )


def _cast_advice(found: int) -> str:
    if found == TensorProto.INT8:
        return "only DequantizeLinear reads INT8"
    return "cast before"


def _uint8(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    if node.op_type in ("Cast", "CastLike"):
        return
    pictures = {value.name for value in view.inputs}
    for name in node.input:
        if view.types.get(name) == TensorProto.UINT8 and name in pictures:
            yield Finding(
                node=name_of(node),
                rule="uint8-only-cast",
                problem=f"{node.op_type} reads the uint8 input {name}",
                remedy="TensorRT can only cast it: let Cast be the first operator on a picture",
            )


def _unknown_types(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    inputs = {value.name for value in view.inputs}
    for name in (*(name for name in node.input if name in view.constants), *node.output):
        found = view.types.get(name)
        bad = found is not None and (found not in _KNOWN or (found == TensorProto.UINT8 and name not in inputs))
        if found is not None and bad and not _zero_point(node, name):
            yield Finding(
                node=name_of(node),
                rule="type",
                problem=f"{name} is {type_name(found)}",
                remedy=_WHY.get(found, "TensorRT 10.3 has no such type"),
            )


def _zero_point(node: NodeProto, name: str) -> bool:
    """Return whether the rules of Q/DQ speak of this tensor, and say more."""
    return node.op_type in ("QuantizeLinear", "DequantizeLinear") and name in (*node.input, *node.output)


def _mixed(view: GraphView, node: NodeProto) -> Finding | None:
    """Return what is wrong where inputs that ONNX wants alike are not, such as Half and Float in one Add."""
    schema = defs.get_schema(node.op_type, OPSET, "")
    formal = list(schema.inputs)
    seen: dict[str, tuple[str, int]] = {}
    for index, name in enumerate(node.input):
        parameter = formal[min(index, len(formal) - 1)]
        found = view.types.get(name)
        if not name or found is None or not parameter.is_homogeneous:
            continue
        first, wanted = seen.setdefault(parameter.type_str, (name, found))
        if found != wanted:
            return Finding(
                node=name_of(node),
                rule="mixed-types",
                problem=f"{node.op_type} of {type_name(wanted)} ({first}) and {type_name(found)} ({name})",
                remedy="a strongly typed network casts nothing: put a Cast where the types meet",
            )
    return None
