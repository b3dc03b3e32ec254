"""Reading graphs in tests: what stands on the inputs of a node, and what a graph computes."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, numpy_helper

from interfaces.sample_file import Samples

_ort = cast("Any", onnxruntime)


def node_of(model: ModelProto, name: str) -> NodeProto:
    """Return the node with a name."""
    return next(node for node in model.graph.node if node.name == name)


def behind(model: ModelProto, tensor: str) -> NodeProto | None:
    """Return the node that makes a tensor, or None for an input or a weight."""
    return next((node for node in model.graph.node if tensor in node.output), None)


def weight(model: ModelProto, name: str) -> NDArray[Any]:
    """Return the values of a weight."""
    return numpy_helper.to_array(next(tensor for tensor in model.graph.initializer if tensor.name == name))


def run(model: ModelProto, given: Samples) -> NDArray[np.float32]:
    """Return the one output of a graph for all samples, (sample, ...), by ONNX Runtime."""
    options: Any = _ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session: Any = _ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    rows = [
        session.run(None, {name: given[name][row, ...] for name in names})[0] for row in range(len(given[names[0]]))
    ]
    return np.stack(rows)


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the smallest cosine of a sample's outputs."""
    a, b = one.reshape(len(one), -1).astype(np.float64), other.reshape(len(other), -1).astype(np.float64)
    return float(((a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))).min())
