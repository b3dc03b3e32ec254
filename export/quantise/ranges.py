"""The ranges of a graph's activations over real samples, measured once and used for every quantised variant of it.

The measuring is ONNX Runtime's own MinMaxCalibrater: least and largest value, reduced inside the graph. It is handed a graph file
whose weights stay where they are, so a model above 2 GB is read once, by ONNX Runtime.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto
from onnxruntime.quantization import calibrate

from export.quantise.blocks import WEIGHTED
from export.quantise.graph_files import write_graph
from interfaces.errors import BundleError
from interfaces.sample_file import Progress

_calibrate = cast("Any", calibrate)  # untyped; its surface ends in this file
# Inputs and outputs of these are what a Q/DQ can stand on: products, and the additions of biases and residuals.
_MEASURED = (*WEIGHTED, "Add")
_BATCH = 8  # samples between two reports of progress


@dataclass(frozen=True, slots=True)
class Ranges:
    """The least and the largest value of each measured tensor, over all samples."""

    by_tensor: Mapping[str, tuple[float, float]]

    def __getitem__(self, tensor: str) -> tuple[float, float]:
        if tensor not in self.by_tensor:
            raise BundleError(f"no range was measured for tensor {tensor}; are the ranges those of this graph?")
        return self.by_tensor[tensor]

    def __contains__(self, tensor: str) -> bool:
        return tensor in self.by_tensor


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
        calibrater = _calibrater(path, Path(file.name))
        names = [value.name for value in calibrater.infer_session.get_inputs()]
        missing = [name for name in names if name not in samples]
        if missing:
            raise BundleError(f"{path.name}: the samples hold no {', '.join(missing)}; expected {', '.join(names)}")
        total = len(samples[names[0]])
        if total == 0:
            raise BundleError(f"{path.name}: there are no samples to measure ranges on; expected one or more")
        for first in range(0, total, _BATCH):
            rows = range(first, min(first + _BATCH, total))
            calibrater.collect_data(_Reader({name: samples[name][row, ...] for name in names} for row in rows))
            progress(rows.stop, total, f"ranges of {path.stem}")
        data = calibrater.compute_data()
    return Ranges({name: _range(path.name, name, *value.range_value) for name, value in data.items()})


def _range(file: str, tensor: str, low: NDArray[Any], high: NDArray[Any]) -> tuple[float, float]:
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise BundleError(f"{file}: tensor {tensor} is not finite on the samples; there is no range to quantise it in")
    return float(np.min(low)), float(np.max(high))


class _Reader:
    """What ONNX Runtime calls a CalibrationDataReader: one sample after the other, then None."""

    def __init__(self, rows: Iterator[dict[str, NDArray[Any]]]) -> None:
        self._rows = rows

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Return the next sample."""
        return next(self._rows, None)


def _calibrater(path: Path, augmented: Path) -> Any:
    """Return ONNX Runtime's calibrater, ready to run, without the copies of all weights that its constructor makes."""
    calibrater = _calibrate.MinMaxCalibrater.__new__(_calibrate.MinMaxCalibrater)
    model = onnx.load(path, load_external_data=False)
    vars(calibrater).update(
        model=model, op_types_to_calibrate=list(_MEASURED), augmented_model_path=str(augmented), symmetric=False,
        use_external_data_format=False, per_channel=False, augment_model=None, infer_session=None,
        execution_providers=["CPUExecutionProvider"], intermediate_outputs=[], calibrate_tensors_range=None,
        num_model_outputs=len(model.graph.output), model_original_outputs={value.name for value in model.graph.output},
        moving_average=False, averaging_constant=0.01, max_intermediate_outputs=None,
    )  # fmt: skip
    calibrater.augment_graph()
    calibrater.create_inference_session()
    return calibrater
