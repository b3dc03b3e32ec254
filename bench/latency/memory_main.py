"""Open one contender of a bundle in a process of its own, run it once on zeros, and print by how many bytes the process grew.

python -m bench.latency.memory_main forerun|plain|plain-threads|tensorrt BUNDLE PRECISION GRAPH THREADS
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import numpy as np

from bench.latency.engines import open_contender
from bench.latency.gpu_engines import open_on_gpu
from bench.latency.memory import resident_bytes
from interfaces.bundle_manifest import load_manifest
from interfaces.graph_contract import specs_of


def main(arguments: list[str]) -> None:
    """Measure one; the arguments are those in the module's docstring."""
    way, folder, precision, graph, threads = cast("tuple[Any, ...]", tuple(arguments))
    manifest = load_manifest(Path(folder))
    row = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in specs_of(manifest)[graph].inputs}
    before = resident_bytes()
    on_gpu = way == "tensorrt"
    run = (
        open_on_gpu(manifest, graph)
        if on_gpu
        else open_contender(way, Path(folder), manifest, precision, graph, int(threads))
    )
    run(row)
    sys.stdout.write(f"{resident_bytes() - before}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
