"""The parity check: does this engine, on this device, reproduce the reference outputs that its bundle carries?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interfaces.bundle_manifest import TensorSpec
from interfaces.engine import Engine
from interfaces.errors import BundleError, ConfigError
from interfaces.graph_contract import parity_key
from interfaces.npz_file import Arrays, read_npz

__all__ = ["Arrays", "check_parity", "read_parity"]  # arrays by parity key, (sample, ...)


def read_parity(file: str, data: bytes) -> Arrays:
    """Return the arrays in the parity file's bytes; raises BundleError when it is truncated or not a plain .npz."""
    try:
        return read_npz(file, data)
    except ConfigError as error:
        raise BundleError(str(error)) from error


def check_parity(graph: str, engine: Engine, arrays: Arrays, limit: float) -> float:
    """Return the largest deviation from the reference over all samples.

    Raises BundleError naming graph, sample, output, value and limit when one is beyond `limit`, or an array is missing.
    """
    inputs = {tensor.name: _samples(graph, tensor, arrays) for tensor in engine.spec.inputs}
    references = {tensor.name: _samples(graph, tensor, arrays) for tensor in engine.spec.outputs}
    counts = {len(array) for array in (*inputs.values(), *references.values())}
    if len(counts) != 1 or counts == {0}:
        raise BundleError(
            f"parity of {graph}: its arrays have {sorted(counts)} samples; expected one number, 1 or more"
        )
    worst = 0.0
    for sample in range(counts.pop()):
        outputs = engine.run({name: array[sample, ...] for name, array in inputs.items()})
        for name, reference in references.items():
            off = float(np.max(np.abs(outputs[name].astype(np.float64) - reference[sample])))
            if not off <= limit:  # also refuses NaN
                raise BundleError(
                    f"parity of {graph}: {name} of sample {sample} is off by {off:.3g}; the limit is {limit:.3g}"
                )
            worst = max(worst, off)
    return worst


def _samples(graph: str, tensor: TensorSpec, arrays: Arrays) -> NDArray[Any]:
    key = parity_key(graph, tensor.name)
    if key not in arrays:
        raise BundleError(f"parity of {graph}: {key} is missing")
    array = arrays[key]
    if array.shape[1:] != tensor.shape or array.dtype != np.dtype(tensor.dtype) or array.ndim == 0:
        raise BundleError(
            f"parity of {graph}: {key} is {array.dtype} {array.shape}; expected {tensor.dtype} (sample, *{tensor.shape})"
        )
    return array
