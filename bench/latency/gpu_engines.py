"""The contenders that this machine brings: TensorRT engines, where `forerun build` built them for the bundle on this very board."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bench.latency.contender import Contender
from bench.latency.memory import memory_command
from interfaces.bundle_manifest import BundleManifest
from interfaces.engine import Tensors
from interfaces.engine_cache import Entry
from interfaces.errors import BundleError
from interfaces.graph_contract import ACTION_GRAPH, specs_of
from runtime.policy.inference_choice import find_engines
from runtime.tensorrt.probe import Missing, probe


def gpu_contenders(folder: Path, manifest: BundleManifest, graph: str) -> list[Contender]:
    """Return the engine of one graph, or nothing where this machine has none.

    Raises BundleError where there is one that is not to be believed, DeviceError where it does not run.
    """
    entry = _engines(manifest)
    if entry is None:
        return []
    plan = entry.plan(graph)
    return [
        Contender(
            graph=graph,
            name=f"TensorRT, {plan.candidate}",
            precision=f"{plan.precision} plan",
            run=_open(entry, manifest, graph),
            file_bytes=plan.size_bytes,
            memory_command=memory_command("tensorrt", folder, plan.precision, graph, 1),
        )
    ]


def open_on_gpu(manifest: BundleManifest, graph: str) -> Callable[[Tensors], NDArray[Any]]:
    """Return what runs one graph on the GPU; raises BundleError where no engine was built for it here."""
    entry = _engines(manifest)
    if entry is None:
        raise BundleError(f"no engines were built for bundle {manifest.name} on this board")
    return _open(entry, manifest, graph)


def _engines(manifest: BundleManifest) -> Entry | None:
    gpu = probe()
    return None if isinstance(gpu, Missing) else find_engines(manifest, gpu)


def _open(entry: Entry, manifest: BundleManifest, graph: str) -> Callable[[Tensors], NDArray[Any]]:
    # Imported on use: only a machine with a GPU gets here.
    from runtime.tensorrt.engine import TensorrtEngine

    spec = specs_of(manifest)[graph]
    engine = TensorrtEngine(entry.read_plan(graph), graph, spec, urgent=graph == ACTION_GRAPH)
    output = spec.outputs[0].name
    return lambda row: engine.run(row)[output]
