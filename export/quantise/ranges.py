"""The ranges of a graph's activations over real samples, measured once and used for every quantised variant of it.

The measuring is ONNX Runtime's own MinMaxCalibrater: least and largest value, reduced inside the graph. It is handed a graph file
whose weights stay where they are, so a model above 2 GB is read once, by ONNX Runtime.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper
from onnxruntime.quantization import calibrate

from export.quantise.blocks import WEIGHTED
from export.quantise.graph_files import write_graph
from export.quantise.graph_index import GraphIndex
from interfaces.errors import BundleError
from interfaces.progress import Progress

_ort = cast("Any", onnxruntime)  # partly typed, likewise
_MinMaxCalibrater: Any = cast("Any", calibrate).MinMaxCalibrater  # untyped; its surface ends in this file
_select: Callable[[Any, ModelProto], tuple[set[str], dict[str, ValueInfoProto]]] = (
    _MinMaxCalibrater.select_tensors_to_calibrate
)
# Inputs and outputs of these are what a Q/DQ can stand on: products, and the additions of biases and residuals.
_MEASURED = (*WEIGHTED, "Add")
_BATCH = 8  # samples between two reports of progress


@dataclass(frozen=True, slots=True)
class Ranges:
    """The least and the largest value of each measured tensor, over all samples and for each index of its second axis.

    The second axis is that of the channels of a convolution; for other tensors it has no meaning.
    """

    by_tensor: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]

    def __getitem__(self, tensor: str) -> tuple[float, float]:
        low, high = self.channels(tensor)
        return float(low.min()), float(high.max())

    def __contains__(self, tensor: str) -> bool:
        return tensor in self.by_tensor

    def channels(self, tensor: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ranges of a tensor's channels; raises BundleError when it was not measured."""
        if tensor not in self.by_tensor:
            raise BundleError(f"no range was measured for tensor {tensor}; are the ranges those of this graph?")
        return self.by_tensor[tensor]


def measure_ranges(model: ModelProto | Path, samples: Mapping[str, NDArray[Any]], progress: Progress) -> Ranges:
    """Return the ranges of a graph's activations over `samples`, its inputs by name with a leading sample axis.

    A model above 2 GB is given as the path of its file. Raises BundleError naming an input that the samples lack, or a tensor
    that is not finite.
    """
    if isinstance(model, Path):
        return _measure(model, samples, progress)
    with tempfile.TemporaryDirectory(prefix="forerun-ranges-") as folder:
        path = Path(folder) / "graph.onnx"
        write_graph(model, path)
        return _measure(path, samples, progress)


def _measure(path: Path, samples: Mapping[str, NDArray[Any]], progress: Progress) -> Ranges:
    # Beside the graph, because its weights are found relative to its own folder.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.stem}-", suffix=".onnx") as file:
        calibrater = _Calibrater(path, Path(file.name))
        names = [value.name for value in calibrater.infer_session.get_inputs()]
        missing = [name for name in names if name not in samples]
        if missing:
            raise BundleError(f"{path.name}: the samples hold no {', '.join(missing)}; expected {', '.join(names)}")
        total = len(samples[names[0]])
        if total == 0:
            raise BundleError(f"{path.name}: there are no samples to measure ranges on; expected one or more")
        found: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        for first in range(0, total, _BATCH):
            rows = range(first, min(first + _BATCH, total))
            data = calibrater.measure({name: samples[name][row, ...] for name in names} for row in rows)
            for tensor, (low, high) in data.items():
                before = found.get(tensor, (low, high))
                found[tensor] = (np.minimum(before[0], low), np.maximum(before[1], high))
            progress(rows.stop, total, f"ranges of {path.stem}")
    for tensor, (low, high) in found.items():
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise BundleError(
                f"{path.name}: tensor {tensor} is not finite on the samples; it has no range to quantise it in"
            )
    return Ranges(found)


class _Reader:
    """What ONNX Runtime calls a CalibrationDataReader: one sample after the other, then None."""

    def __init__(self, rows: Iterator[dict[str, NDArray[Any]]]) -> None:
        self._rows = rows

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Return the next sample."""
        return next(self._rows, None)


class _Calibrater(_MinMaxCalibrater):
    """ONNX Runtime's calibrater, without the copies of all weights that its constructor makes."""

    def __init__(self, path: Path, augmented: Path) -> None:
        model = onnx.load(path, load_external_data=False)
        GraphIndex(model).complete(model)  # only tensors that the graph tells of are measured
        self.model = model
        self.op_types_to_calibrate = _MEASURED
        self.augmented_model_path = str(augmented)
        self.symmetric = self.use_external_data_format = self.moving_average = False
        self.per_channel = True
        self.execution_providers = ["CPUExecutionProvider"]
        self.intermediate_outputs: list[Any] = []
        self.calibrate_tensors_range = self.max_intermediate_outputs = None
        self.num_model_outputs = len(model.graph.output)
        self.model_original_outputs = {value.name for value in model.graph.output}
        self.augment_graph()
        self.create_inference_session()

    def augment_graph(self) -> None:
        """Put the reductions behind what they look at, as ONNX Runtime does, which takes the square of the graph's size."""
        graph = self.model.graph
        names, values = self.select_tensors_to_calibrate(self.model)
        flat = numpy_helper.from_array(np.array([-1], np.int64), "forerun_flat")
        graph.initializer.append(flat)
        axes_are_inputs = any(
            opset.version >= 18 for opset in self.model.opset_import if opset.domain in ("", "ai.onnx")
        )
        behind: dict[str, list[NodeProto]] = {}
        for name in sorted(names):
            kind = values[name].type.tensor_type
            axes = [0, *range(2, len(kind.shape.dim))]
            for reduction in ("ReduceMin", "ReduceMax"):
                found = f"{name}_{reduction}"  # the name by which ONNX Runtime knows it again
                node = helper.make_node(reduction, [name], [f"{found}_Reshape"], name=found, keepdims=1)
                if axes_are_inputs:
                    graph.initializer.append(numpy_helper.from_array(np.array(axes, np.int64), f"{found}_axes"))
                    node.input.append(f"{found}_axes")
                else:
                    node.attribute.append(helper.make_attribute("axes", axes))
                reshape = helper.make_node("Reshape", [f"{found}_Reshape", flat.name], [found], name=f"{found}_Reshape")
                behind.setdefault(name, []).extend((node, reshape))
                graph.output.append(helper.make_tensor_value_info(found, kind.elem_type, [None]))
        nodes = [probe for value in graph.input for probe in behind.get(value.name, [])]
        for node in graph.node:
            nodes += [node, *(probe for name in node.output for probe in behind.get(name, []))]
        nodes = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(nodes)
        onnx.save(self.model, self.augmented_model_path)

    def create_inference_session(self) -> None:
        """Open the graph so that a reduction runs right behind what it reads; else all activations are kept until the end."""
        options = _ort.SessionOptions()
        options.graph_optimization_level = _ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.execution_order = _ort.ExecutionOrder.PRIORITY_BASED
        options.log_severity_level = 3  # errors
        self.infer_session = _ort.InferenceSession(
            self.augmented_model_path, sess_options=options, providers=self.execution_providers
        )

    def measure(self, rows: Iterator[dict[str, NDArray[Any]]]) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
        """Return the ranges over some samples; merging two sets of them is what ONNX Runtime cannot do by channel."""
        self.calibrate_tensors_range = None
        self.collect_data(_Reader(rows))
        data: Any = self.calibrate_tensors_range
        return {
            name: (np.asarray(value.range_value[0], np.float64), np.asarray(value.range_value[1], np.float64))
            for name, value in data.items()
        }

    def select_tensors_to_calibrate(self, model: ModelProto) -> tuple[set[str], dict[str, ValueInfoProto]]:
        """Return what ONNX Runtime selects, without what has no axis."""
        index = GraphIndex(model)
        names, values = _select(self, model)
        return {name for name in names if index.shape(name)}, values
