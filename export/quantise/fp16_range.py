"""What of a graph does not fit into FP16: values that overflow or vanish, constants, and sums on the way to a value.

ONNX Runtime's CPU provider computes FP16 in float32, so no FP16 graph shows its overflow there
(https://github.com/NVIDIA/TensorRT/issues/4355). Measured is therefore the *float32* graph, over real samples. It agrees with torch
to 1e-4 (export/onnx_graphs.py), so its activations are torch's, for every exporter and also for a bundle without a checkpoint.

FP16 holds up to 65504, full precision from 2^-14 = 6.1e-5 on, and nothing below 2^-25 (IEEE 754-2019, binary16).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.quantise.graph_index import GraphIndex
from export.quantise.graph_run import GraphRun
from export.quantise.partial_sums import LAST_AXIS, sum_probe
from interfaces.errors import BundleError
from interfaces.progress import Progress

LARGEST = 65504.0
SMALLEST_NORMAL = 2.0**-14
# Three bits of room: a few hundred samples are measured, and the robot will see millions. The largest of n values grows with
# sqrt(log n) where their tail is Gaussian, with log n where it is exponential: from 1e6 to 1e11 values by at most 1.8; another
# light or another scene may double a value. That is below 4; 8 leaves as much again, and costs little, for few tensors of a
# trained network come above 8188.
MARGIN_RATIO = 1 / 8
# Rounding a normal number costs at most 2^-11 of it; what loses more than twice that is not one any more.
_ROUNDING_MAX_RATIO = 2.0**-10
_PROBE = "fp16-range/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peaks:
    """The largest values of a graph over samples."""

    tensors: Mapping[str, float]  # largest |value| of each float tensor that a node computes or the graph takes
    sums: Mapping[str, float]  # by node: what no partial sum inside it exceeds, in whatever order it adds up


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """One tensor or sum that FP16 does not hold, and the nodes that must compute in float32 because of it."""

    where: str  # tensor or node
    value: float
    reason: str
    nodes: tuple[str, ...]


def activation_peaks(
    model: ModelProto, samples: Mapping[str, NDArray[Any]], progress: Progress, *, threads: int = 1
) -> Peaks:
    """Return the largest |value| of every float tensor of a float32 graph over samples, and bounds of the sums in it.

    Each is reduced to one number inside the graph, so memory is that of one inference, whatever the number of tensors. Infinite
    values are left out: they are masks, and FP16 has them, too. Raises BundleError when an output is not a number.
    """
    probed, tensors, sums = _with_probes(model)
    run = GraphRun(probed, threads=threads)
    total, n_outputs = run.count(samples), len(model.graph.output)
    worst = np.zeros(len(run.outputs) - n_outputs)
    for index, row in enumerate(run.rows(samples)):
        for output, value in zip(run.outputs[:n_outputs], row, strict=False):
            if np.isnan(value).any():
                raise BundleError(f"graph {model.graph.name}: {output} is not a number on sample {index}, in float32")
        values = np.array([float(value) for value in row[n_outputs:]])
        worst = np.maximum(worst, np.where(np.isfinite(values), values, 0.0))
        progress(index + 1, total, f"largest values of {model.graph.name}")
    found = dict(zip(run.outputs[n_outputs:], worst.tolist(), strict=True))
    return Peaks(
        tensors={name: found[output] for name, output in tensors.items()},
        sums={name: found[output] for name, output in sums.items()},
    )


def near_overflow(model: ModelProto, peaks: Peaks, margin_ratio: float = MARGIN_RATIO) -> tuple[Hazard, ...]:
    """Return what must not be computed in FP16, in the order of the graph: values, sums, then constants."""
    index = GraphIndex(model)

    def around(tensor: str) -> tuple[str, ...]:
        # Who writes the value and who reads it: anywhere between two FP16 nodes it would be cast down, and be infinite.
        nodes = [*filter(None, [index.producers.get(tensor)]), *index.consumers(tensor)]
        return tuple(dict.fromkeys(node.name for node in nodes))

    hazards = [
        Hazard(where=name, value=peak, reason=reason, nodes=around(name))
        for name, peak in peaks.tensors.items()
        if (reason := _value_hazard(peak, margin_ratio)) is not None
    ]
    for node, bound in peaks.sums.items():
        # Without a margin: sums of many terms vary little from frame to frame, and no kernel comes near the bound of a product.
        if bound > LARGEST:
            reason = f"its sums may reach {bound:.3g} on the way, beyond FP16's {LARGEST:.0f}"
            hazards.append(Hazard(where=node, value=bound, reason=reason, nodes=(node,)))
    for name, values in _constants(model):
        reason = _constant_hazard(values)
        if reason is not None and index.consumers(name):
            peak = float(np.abs(values).max())
            hazards.append(Hazard(where=name, value=peak, reason=reason, nodes=around(name)))
    return tuple(hazards)


def keep_in_fp32(hazards: Sequence[Hazard]) -> frozenset[str]:
    """Return the names of the nodes that must compute in float32."""
    return frozenset(node for hazard in hazards for node in hazard.nodes)


def _value_hazard(peak: float, margin_ratio: float) -> str | None:
    if peak > LARGEST:
        return f"reaches {peak:.3g}, beyond FP16's {LARGEST:.0f}"
    if peak > LARGEST * margin_ratio:
        return f"reaches {peak:.3g}, within a factor of {1 / margin_ratio:.3g} of FP16's {LARGEST:.0f}"
    if 0 < peak < SMALLEST_NORMAL:
        return f"stays below {peak:.3g}, where FP16 loses precision ({SMALLEST_NORMAL:.2g})"
    return None


def _constant_hazard(values: NDArray[np.float32]) -> str | None:
    """Say what FP16 does to a constant as a whole: single small weights among large ones are lost without harm."""
    finite = values[np.isfinite(values)].astype(np.float64)
    peak = float(np.abs(finite).max(initial=0.0))
    if peak > LARGEST:
        return f"holds {peak:.3g}, beyond FP16's {LARGEST:.0f}"
    off = finite.astype(np.float16).astype(np.float64) - finite
    if float(np.linalg.norm(off)) > _ROUNDING_MAX_RATIO * float(np.linalg.norm(finite)):
        return f"is {peak:.3g} at most, too small for FP16: rounding changes it by {_ratio(off, finite):.2g} of itself"
    return None


def _ratio(off: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(off) / np.linalg.norm(whole))


def _constants(model: ModelProto) -> list[tuple[str, NDArray[np.float32]]]:
    tensors = [(tensor.name, tensor) for tensor in model.graph.initializer]
    for node in model.graph.node:
        if node.op_type == "Constant":
            tensors += [(node.output[0], attribute.t) for attribute in node.attribute if attribute.name == "value"]
    return [(name, numpy_helper.to_array(tensor)) for name, tensor in tensors if tensor.data_type == TensorProto.FLOAT]


def _with_probes(model: ModelProto) -> tuple[ModelProto, dict[str, str], dict[str, str]]:
    """Return the graph with one number per tensor and per sum as further outputs, and the names of these outputs."""
    probed = ModelProto()
    probed.CopyFrom(model)
    graph = probed.graph
    index = GraphIndex(model)
    tensors: dict[str, str] = {}
    sums: dict[str, str] = {}

    def probe(names: Iterable[str]) -> None:
        for name in names:
            if index.dtype(name) == TensorProto.FLOAT and name not in index.constants:
                output = tensors[name] = f"{_PROBE}{name}"
                graph.node.append(helper.make_node("Abs", [name], [f"{output}/abs"]))
                graph.node.append(helper.make_node("ReduceMax", [f"{output}/abs"], [output], keepdims=0))

    del graph.node[:]
    probe(value.name for value in graph.input)
    # Each probe right after what it looks at, so that a large tensor need not be kept until the end.
    for node in model.graph.node:
        graph.node.append(node)
        summing = sum_probe(node, f"{_PROBE}sum/{node.name}", set(tensors))
        graph.node.extend(summing)
        if summing:
            sums[node.name] = summing[-1].output[0]
        probe(name for name in node.output if name)
    graph.initializer.append(LAST_AXIS)
    for name in (*tensors.values(), *sums.values()):
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, []))
    return probed, tensors, sums
