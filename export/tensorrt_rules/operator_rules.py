"""Which operators TensorRT 10.3 parses, in which form: attributes, outputs, and inputs it wants as constants.

Sources: as operators.py; the restrictions are those of the table's last column and of onnxOpCheckers.cpp. Of Changelog.md, 10.4:
"Fixed kernel shape inference in multi-input convolutions", which is what a convolution with quantised weights is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from onnx import NodeProto

from export.tensorrt_rules.finding import Finding
from export.tensorrt_rules.graph_view import GraphView, name_of
from export.tensorrt_rules.operators import ACCEPTED, CONSTANT_INPUTS, INSTEAD, REFUSED

_ONE_OUTPUT = ("BatchNormalization", "Dropout", "LayerNormalization", "MaxPool")
_CONVOLUTIONS = ("Conv", "ConvTranspose")

_RESIZE: dict[str, tuple[object, tuple[object, ...]]] = {  # attribute: default, what is taken
    "mode": ("nearest", ("nearest", "linear")),
    "nearest_mode": ("round_prefer_floor", ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")),
    "coordinate_transformation_mode": (
        "half_pixel",
        ("half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn", "asymmetric", "align_corners"),
    ),
    "keep_aspect_ratio_policy": ("stretch", ("stretch",)),
    "antialias": (0, (0,)),
}


def operator_rules(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    """Yield what TensorRT 10.3 has against this operator, or this form of it."""
    operator = node.op_type
    if operator not in ACCEPTED:
        yield Finding(
            node=name_of(node),
            rule="operator",
            problem=f"{operator} is refused: {REFUSED.get(operator, 'TensorRT 10.3 does not parse it')}",
            remedy=INSTEAD.get(operator, "write it in operators that export/tensorrt_rules/operators.py lists"),
        )
        return
    yield from _constant_inputs(view, node)
    if operator in _ONE_OUTPUT and any(node.output[1:]):
        yield _form(node, f"its output {node.output[1]} is in use", "TensorRT makes the first output only")
    special = _SPECIAL.get(operator)
    if special is not None:
        yield from special(view, node)


def _constant_inputs(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    for index in CONSTANT_INPUTS.get(node.op_type, ()):
        name = node.input[index] if index < len(node.input) else ""
        if name and name not in view.constants:
            yield Finding(
                node=name_of(node),
                rule="constant-input",
                problem=f"its input {name} is computed",
                remedy="TensorRT must know sizes, axes and counts while it builds: make it an initializer",
            )


def _pooling(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    dilations = view.attribute(node, "dilations", [])
    if any(dilation != 1 for dilation in dilations):
        yield _form(node, f"its dilations are {dilations}", "TensorRT pools without dilation only")
    kernel = view.attribute(node, "kernel_shape", [])
    if len(kernel) not in (2, 3):
        yield _form(node, f"its kernel is {kernel}", "TensorRT pools in 2 or 3 dimensions: add one of size 1")


def _resize(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    for key, (default, taken) in _RESIZE.items():
        value = view.attribute(node, key, default)
        if value not in taken:
            yield _form(node, f"its {key} is {value}", f"TensorRT takes {', '.join(str(one) for one in taken)}")


def _convolution(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    if node.input[1] not in view.constants and not view.attribute(node, "kernel_shape", []):
        yield _form(
            node,
            "its weights come from another node, and it has no kernel_shape",
            "write the attribute kernel_shape: before 10.4 TensorRT does not find it out in a convolution with quantised weights",
        )
    rank = len(view.shapes.get(node.input[0], (0, 0, 0)))
    if rank not in (3, 4, 5):
        yield _form(node, f"its input has {rank} dimensions", "TensorRT convolves in 1, 2 or 3 spatial dimensions")


def _batch_normalization(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    if view.attribute(node, "training_mode", 0):
        yield _form(node, "it is in training mode", "export the network in eval()")


def _dropout(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    name = node.input[2] if len(node.input) > 2 else ""
    values = view.values(name) if name else None
    if name and (values is None or bool(values.any())):
        yield _form(node, "it may be in training mode", "export the network in eval()")


_SPECIAL: dict[str, Callable[[GraphView, NodeProto], Iterator[Finding]]] = {
    "AveragePool": _pooling,
    "BatchNormalization": _batch_normalization,
    "Dropout": _dropout,
    "LpPool": _pooling,
    "MaxPool": _pooling,
    "Resize": _resize,
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
}


def _form(node: NodeProto, problem: str, remedy: str) -> Finding:
    return Finding(node=name_of(node), rule=f"form of {node.op_type}", problem=problem, remedy=remedy)
