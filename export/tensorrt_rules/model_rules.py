"""What holds for the whole graph: opset, domains, inputs and outputs, fixed shapes.

Sources: operators.md and Changelog.md of github.com/onnx/onnx-tensorrt (operators.py says which); NVIDIA/TensorRT issue 4336
("TRT only supports the opset 17 definition": a newer opset fails node by node).
"""

from __future__ import annotations

from collections.abc import Iterator

from onnx import NodeProto, TensorProto, ValueInfoProto

from export.tensorrt_rules.finding import Finding
from export.tensorrt_rules.graph_view import GraphView, has_subgraph, name_of, type_name

OPSET = 20  # the newest that the parser of 10.3 knows, and the first with Gelu
_NEWEST_IR = 10  # of ONNX 1.16, which the parser of 10.3 is built with
_MAX_RANK = 8  # nvinfer1::Dims::MAX_DIMS
_DEFAULT_DOMAIN = ("", "ai.onnx")

_INPUT_TYPES = (TensorProto.FLOAT, TensorProto.UINT8)
_OUTPUT_TYPES = (TensorProto.FLOAT,)


def model_rules(view: GraphView) -> Iterator[Finding]:
    """Yield what is wrong with the graph as a whole, and with its inputs and outputs."""
    model = view.model
    for opset in model.opset_import:
        if opset.domain not in _DEFAULT_DOMAIN:
            yield Finding(
                node=f"opset import {opset.domain}",
                rule="domain",
                problem=f"the graph imports operators of {opset.domain} {opset.version}",
                remedy="TensorRT knows those of ONNX only; take the pass that added it out of the export",
            )
        elif opset.version != OPSET:
            yield Finding(
                node="opset import",
                rule="opset",
                problem=f"the graph is written in opset {opset.version}",
                remedy=f"export at opset {OPSET}: TensorRT 10.3 reads up to {OPSET}, and this check knows no other",
            )
    if model.ir_version > _NEWEST_IR:
        yield Finding(
            node="ir_version",
            rule="opset",
            problem=f"the file is of ONNX's format {model.ir_version}",
            remedy=f"set model.ir_version to {_NEWEST_IR}, which the parser of TensorRT 10.3 was built with",
        )
    for function in model.functions:
        yield Finding(
            node=f"function {function.name}",
            rule="domain",
            problem="the graph defines a function of its own",
            remedy="inline it (onnx.inliner), so that every operator is seen",
        )
    yield from _io(view.inputs, "input", _INPUT_TYPES)
    yield from _io(view.outputs, "output", _OUTPUT_TYPES)
    yield from _declared(view)


def node_rules(view: GraphView, node: NodeProto) -> Iterator[Finding]:
    """Yield what is wrong with where a node comes from, and with the shapes it makes."""
    if node.domain not in _DEFAULT_DOMAIN:
        yield Finding(
            node=name_of(node),
            rule="domain",
            problem=f"{node.op_type} is an operator of {node.domain}, not of ONNX",
            remedy="TensorRT would look for a plugin of that name; write it in operators of ONNX",
        )
    if has_subgraph(node) or node.domain not in _DEFAULT_DOMAIN:
        return
    known = all(_fixed(view, name) for name in node.input if name)
    for name in node.output:
        shape = view.shapes.get(name)
        if known and name and not _fixed(view, name):
            yield Finding(
                node=name_of(node),
                rule="static-shape",
                problem=f"the shape of its output {name} is {_shown(shape)}",
                remedy="engines have fixed shapes: export with fixed sizes, shapes and axes as constants",
            )
        if shape is not None and len(shape) > _MAX_RANK:
            yield Finding(
                node=name_of(node),
                rule="rank",
                problem=f"its output {name} has {len(shape)} dimensions",
                remedy=f"TensorRT takes {_MAX_RANK} at most",
            )


def _io(values: list[ValueInfoProto], kind: str, allowed: tuple[int, ...]) -> Iterator[Finding]:
    for value in values:
        tensor = value.type.tensor_type
        if tensor.elem_type not in allowed:
            yield Finding(
                node=f"{kind} {value.name}",
                rule="io-type",
                problem=f"it is {type_name(tensor.elem_type)}",
                remedy=f"{kind}s of a bundle's graphs are {' or '.join(type_name(t) for t in allowed)}; cast inside",
            )
        if not tensor.HasField("shape") or not all(d.HasField("dim_value") for d in tensor.shape.dim):
            yield Finding(
                node=f"{kind} {value.name}",
                rule="static-shape",
                problem="its shape is not fixed",
                remedy="export with fixed sizes: engines are built for one shape",
            )


def _declared(view: GraphView) -> Iterator[Finding]:
    """Check that the outputs are what the graph says they are; a pass that changed types may have left the old ones."""
    for value in view.outputs:
        declared = value.type.tensor_type.elem_type
        computed = view.types.get(value.name, declared)
        if computed != declared:
            yield Finding(
                node=f"output {value.name}",
                rule="io-type",
                problem=f"it is said to be {type_name(declared)}, and computed as {type_name(computed)}",
                remedy="cast it, or say what it is",
            )


def _fixed(view: GraphView, name: str) -> bool:
    shape = view.shapes.get(name)
    return shape is not None and None not in shape


def _shown(shape: tuple[int | None, ...] | None) -> str:
    return "not known" if shape is None else "x".join("?" if size is None else str(size) for size in shape)
