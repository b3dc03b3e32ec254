"""Real inputs for a bundle's graphs: its held-out frames where it has some, else its parity samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.latency.contender import Rows
from interfaces.bundle_manifest import BundleManifest
from interfaces.engine import Engine
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, TOKENS, parity_key, specs_of
from interfaces.sample_file import check_samples, read_samples
from runtime.policy.bundle import read_verified
from runtime.policy.parity import read_parity

_ROWS_MAX = 64  # more than any cache holds of pictures


def rows_by_graph(folder: Path, manifest: BundleManifest, foresight: Engine) -> dict[str, Rows]:
    """Return rows of inputs by graph; the tokens of held-out frames are what `foresight` says.

    Raises BundleError and ConfigError where a file is not what the manifest says.
    """
    if manifest.heldout is None:
        file = manifest.parity.file
        arrays = read_parity(file, read_verified(folder, file, manifest.parity.sha256))
        count = len(next(iter(arrays.values())))
        return {
            graph: [{tensor.name: arrays[parity_key(graph, tensor.name)][i, ...] for tensor in spec.inputs} for i in range(count)]
            for graph, spec in specs_of(manifest).items()
        }  # fmt: skip
    file = manifest.heldout.file
    samples = read_samples(read_verified(folder, file, manifest.heldout.sha256), file)
    count = min(check_samples(file, samples, manifest), _ROWS_MAX)
    looks: Rows = [
        {tensor.name: samples[tensor.name][i, ...] for tensor in manifest.foresight.inputs} for i in range(count)
    ]
    tokens = [np.array(foresight.run(row)[TOKENS]) for row in looks]
    acts: Rows = [
        {tensor.name: tokens[i] if tensor.name == TOKENS else samples[tensor.name][i, ...] for tensor in manifest.action.inputs}
        for i in range(count)
    ]  # fmt: skip
    return {FORESIGHT_GRAPH: looks, ACTION_GRAPH: acts}
