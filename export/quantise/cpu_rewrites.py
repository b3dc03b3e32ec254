"""Exact rewrites of an fp32 graph for ONNX Runtime's CPU provider: the same values to rounding, in cheaper operators.

Measured with its profiler (ONNX Runtime 1.28, one thread): LayerNormalization takes 5 ns an element where InstanceNormalization with
Mul and Add takes 1; AveragePool on NCHW float takes 1.2 ns an element, and a picture comes to it through two copies. Every tensor that
is an input or output of a product keeps its name, so ranges measured on the graph before are those of the graph after.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from export.quantise.graph_edit import drop_unused, replace_nodes, sort_nodes
from export.quantise.graph_index import GraphIndex
from export.quantise.picture_rewrite import rewrite_pictures

_MICROSOFT = "com.microsoft"


def rewrite(model: ModelProto) -> ModelProto:
    """Return a copy of an fp32 graph, rewritten; it may then hold operators that only ONNX Runtime knows."""
    copy = ModelProto()
    copy.CopyFrom(model)
    rewrite_in_place(copy)
    return copy


def rewrite_in_place(model: ModelProto) -> None:
    """Rewrite the graph itself."""
    rewrite_pictures(model)
    _layer_norms(model)
    _silus(model)
    drop_unused(model)
    sort_nodes(model)


def _layer_norms(model: ModelProto) -> None:
    """LayerNormalization over the last axis -> InstanceNormalization with one row as one channel, then scale and bias."""
    index = GraphIndex(model)
    new: dict[str, list[NodeProto]] = {}
    for node in index.nodes:
        if node.op_type != "LayerNormalization":
            continue
        shape = index.shape(node.input[0])
        attributes = {attribute.name: attribute for attribute in node.attribute}
        axis = attributes["axis"].i if "axis" in attributes else -1
        if axis not in (-1, len(shape) - 1) or len(node.output) > 1 or not _known(index, node.input[1:]):
            continue
        epsilon = attributes["epsilon"].f if "epsilon" in attributes else 1e-5
        dim, rows = shape[-1], index.size(node.input[0]) // shape[-1]
        name = node.name
        _add_weights(
            model,
            {
                f"{name}/rows": np.array([1, rows, dim], np.int64),
                f"{name}/shape": np.array(shape, np.int64),
                f"{name}/ones": np.ones(rows, np.float32),
                f"{name}/zeros": np.zeros(rows, np.float32),
            },
        )
        steps = [
            helper.make_node("Reshape", [node.input[0], f"{name}/rows"], [f"{name}/flat"], f"{name}/flatten"),
            helper.make_node(
                "InstanceNormalization",
                [f"{name}/flat", f"{name}/ones", f"{name}/zeros"],
                [f"{name}/normal"],
                name,
                epsilon=epsilon,
            ),
            helper.make_node("Reshape", [f"{name}/normal", f"{name}/shape"], [f"{name}/unit"], f"{name}/restore"),
            *_scale_and_bias(node, index),
        ]
        steps[-1].output[0] = node.output[0]
        new[name] = steps
    replace_nodes(model, new.keys(), chain.from_iterable(new.values()))


def _scale_and_bias(node: NodeProto, index: GraphIndex) -> list[NodeProto]:
    """Return Mul and Add for what of scale and bias is not 1 and 0."""
    name, tensor = node.name, f"{node.name}/unit"
    steps: list[NodeProto] = []
    for operator, given, neutral in (("Mul", node.input[1:2], 1.0), ("Add", node.input[2:3], 0.0)):
        if given and given[0] and not (_values(index, given[0]) == neutral).all():
            steps.append(helper.make_node(operator, [tensor, given[0]], [f"{name}/{operator}"], f"{name}/{operator}"))
            tensor = f"{name}/{operator}"
    return steps


def _silus(model: ModelProto) -> None:
    """X * Sigmoid(x) -> QuickGelu, which ONNX Runtime makes of it by itself only where no Q/DQ stands between."""
    index = GraphIndex(model)
    gone: set[str] = set()
    fused: list[NodeProto] = []
    for sigmoid in index.nodes:
        product = index.only_reader(sigmoid.output[0])
        if (
            sigmoid.op_type != "Sigmoid"
            or product is None
            or product.op_type != "Mul"
            or set(product.input) != {sigmoid.input[0], sigmoid.output[0]}
        ):
            continue
        gone |= {sigmoid.name, product.name}
        fused.append(
            helper.make_node(
                "QuickGelu", [sigmoid.input[0]], [product.output[0]], product.name, domain=_MICROSOFT, alpha=1.0
            )
        )
    replace_nodes(model, gone, fused)
    if fused and all(entry.domain != _MICROSOFT for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_MICROSOFT, 1))


def linear_as_gemm(model: ModelProto, nodes: Collection[str]) -> dict[str, str]:
    """Make Gemms of the named MatMuls with a bias behind them, in place: only with its bias inside is the whole one integer kernel.

    Returns, for each new input of a Gemm, the tensor of which it is a reshape: their ranges are the same.
    """
    index = GraphIndex(model)
    flat: dict[str, str] = {}  # tensor -> its rows
    gone: set[str] = set()
    new: list[NodeProto] = []
    for node in index.nodes:
        total = index.only_reader(node.output[0]) if node.op_type == "MatMul" and node.name in nodes else None
        bias = None if total is None else _bias(total, node, index)
        if total is None or bias is None:
            continue
        given, weight = node.input
        shape = index.shape(given)
        rows = index.size(given) // shape[-1]
        if given not in flat:
            flat[given] = _rows_of(model, given, index, new)
        gemm = helper.make_node("Gemm", [flat[given], weight, bias], [f"{node.name}/rows"], node.name)
        _add_weights(model, {f"{node.name}/shape": np.array(index.shape(total.output[0]), np.int64)})
        restore = helper.make_node(
            "Reshape", [f"{node.name}/rows", f"{node.name}/shape"], [total.output[0]], total.name
        )
        width = index.shape(weight)[1]
        model.graph.value_info.append(
            helper.make_tensor_value_info(f"{node.name}/rows", index.dtype(given), [rows, width])
        )
        gone |= {node.name, total.name}
        new += [gemm, restore]
    replace_nodes(model, gone, new)
    sort_nodes(model)
    return {rows: tensor for tensor, rows in flat.items() if rows != tensor}


def _bias(total: NodeProto, node: NodeProto, index: GraphIndex) -> str | None:
    """Return the bias that an Add behind a MatMul with a matrix of weights adds, or None where it is no such Add."""
    if total.op_type != "Add" or node.input[1] not in index.initializers or len(index.shape(node.input[1])) != 2:
        return None
    bias = next((name for name in total.input if name in index.initializers), None)
    return bias if bias is not None and index.shape(bias) == index.shape(node.input[1])[1:] else None


def _rows_of(model: ModelProto, tensor: str, index: GraphIndex, new: list[NodeProto]) -> str:
    shape = index.shape(tensor)
    if len(shape) == 2:
        return tensor
    rows = [index.size(tensor) // shape[-1], shape[-1]]
    name = f"{tensor}/rows"
    _add_weights(model, {f"{name}/shape": np.array(rows, np.int64)})
    new.append(helper.make_node("Reshape", [tensor, f"{name}/shape"], [name], name))
    model.graph.value_info.append(helper.make_tensor_value_info(name, index.dtype(tensor), rows))
    return name


def _known(index: GraphIndex, names: Collection[str]) -> bool:
    return all(name in index.initializers for name in names if name)


def _values(index: GraphIndex, name: str) -> NDArray[np.float32]:
    return numpy_helper.to_array(index.initializers[name])


def _add_weights(model: ModelProto, weights: dict[str, NDArray[np.generic]]) -> None:
    model.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in weights.items())
