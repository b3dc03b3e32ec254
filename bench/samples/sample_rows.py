"""Single samples, made one by one, become the stacked tensors of a sample file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from interfaces.bundle_manifest import BundleManifest
from interfaces.engine import Tensors
from interfaces.errors import RefusedError
from interfaces.sample_file import Samples, check_samples, input_tensors


def stacked(what: str, rows: Sequence[Tensors], manifest: BundleManifest) -> Samples:
    """Return the inputs of both graphs, (sample, ...) by tensor name, in the order of the manifest.

    Raises RefusedError where there is no sample, ConfigError naming the tensor that the bundle takes otherwise; `what` is for messages.
    """
    if not rows:
        raise RefusedError(f"{what}: gave no sample")
    names = [tensor.name for tensor in input_tensors(manifest)]
    samples = {name: np.stack([row[name] for row in rows]) for name in names if all(name in row for row in rows)}
    check_samples(what, samples, manifest)
    return samples


def evenly(n_all: int, n_wanted: int) -> list[int]:
    """Return `n_wanted` numbers of 0..n_all - 1, or all where there are no more, evenly spread."""
    if n_all <= n_wanted:
        return list(range(n_all))
    return [int(index) for index in np.linspace(0, n_all - 1, n_wanted).round()]
