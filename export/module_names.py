"""The names of a torch module's layers, kept on the nodes of its ONNX graph.

The exporter folds the transposed weight of a Linear into a nameless constant (`val_339`), so a layer without bias loses its name; what
module a node comes from stands only in metadata that also holds folders of the machine, and is stripped (export/onnx_graphs.py).
"""

from __future__ import annotations

import ast

from onnx import ModelProto, NodeProto

_SCOPES = "pkg.torch.onnx.name_scopes"  # written by torch's dynamo exporter: "['', 'unet', 'unet.conv_in', 'conv2d_3']"
_NAMED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def name_by_module(model: ModelProto) -> None:
    """Give every product in a freshly exported graph the path of its module as name, in place: "unet.mid.attn1.to_q".

    The product of two activations is called "<module>.product"; where a module has several, they are numbered from 2 on.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    taken = {node.name for node in model.graph.node}
    for node in model.graph.node:
        path = _module(node) if node.op_type in _NAMED else ""
        if path:
            name = path if weights.intersection(node.input) else f"{path}.product"
            node.name = _unique(name, taken)


def _module(node: NodeProto) -> str:
    """Return the path of the module that a node comes from; empty where it is the outermost, or unknown."""
    scopes = next((entry.value for entry in node.metadata_props if entry.key == _SCOPES), "[]")
    parts: list[str] = ast.literal_eval(scopes)
    return parts[-2] if len(parts) > 1 else ""  # the last is the operation in the module


def _unique(name: str, taken: set[str]) -> str:
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}.{number}", number + 1
    taken.add(unique)
    return unique
