"""Which inputs and outputs of an operator may be FP16, as ONNX's own operator schemas say it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import onnx
from onnx import NodeProto

from interfaces.errors import BundleError

_FLOAT, _HALF = "tensor(float)", "tensor(float16)"


@dataclass(frozen=True, slots=True)
class HalfTypes:
    """For each formal input and output: the name of its type where that can be both float and FP16, else None."""

    inputs: tuple[str | None, ...]
    outputs: tuple[str | None, ...]

    def input(self, number: int) -> str | None:
        """Return the type name of an input; the last formal one may stand for many."""
        return self.inputs[min(number, len(self.inputs) - 1)]

    def output(self, number: int) -> str | None:
        """Return the type name of an output."""
        return self.outputs[min(number, len(self.outputs) - 1)]


def half_types(node: NodeProto, opset: int) -> HalfTypes:
    """Return what of a node may be FP16; raises BundleError for an operator outside ONNX, or with a graph inside."""
    if node.domain not in ("", "ai.onnx"):
        raise BundleError(
            f"node {node.name}: operator {node.domain}.{node.op_type} is none of ONNX's; it has no FP16 form"
        )
    if any(attribute.HasField("g") for attribute in node.attribute):
        raise BundleError(f"node {node.name}: {node.op_type} holds a graph; export without control flow")
    return _of_operator(node.op_type, opset)


@cache
def _of_operator(op_type: str, opset: int) -> HalfTypes:
    schema = onnx.defs.get_schema(op_type, opset, "")
    both = {
        constraint.type_param_str
        for constraint in schema.type_constraints
        if {_FLOAT, _HALF} <= set(constraint.allowed_type_strs)
    }

    def names(formal: list[onnx.defs.OpSchema.FormalParameter]) -> tuple[str | None, ...]:
        return tuple(one.type_str if one.type_str in both else None for one in formal)

    return HalfTypes(names(list(schema.inputs)), names(list(schema.outputs)))
