"""Writes a bundle: graphs, parity samples and manifest into one folder that appears whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tomli_w
from numpy.typing import NDArray

from export.onnx_graphs import Arrays, Graph, export_graph
from interfaces.bundle_manifest import (
    MANIFEST_FILE,
    PARITY_FILE,
    BundleManifest,
    CameraSpec,
    ChunkSpec,
    GraphSpec,
    ParitySpec,
    Provenance,
    TensorSpec,
    load_manifest,
)
from interfaces.graph_contract import check_contract, parity_key

# Other processors round differently; a wrong graph is off by orders of magnitude more.
FORESIGHT_MAX_ABS = 2e-3
ACTION_MAX_ABS_RAD = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class BundlePlan:
    """Everything of a bundle that is not in its graphs."""

    family: str
    name: str
    joints: tuple[str, ...]
    instructions: tuple[str, ...]
    cameras: tuple[CameraSpec, ...]
    chunk: ChunkSpec
    foresight_age_max_ms: float
    provenance: Provenance


def write_bundle(plan: BundlePlan, foresight: Graph, action: Graph, samples: Arrays, folder: Path) -> BundleManifest:
    """Export both graphs and write the bundle to `folder`, replacing what is there only once the new one is whole.

    `samples` holds real inputs of both graphs by name, each with a leading sample axis; the action graph's tokens are the
    foresight graph's output on the same samples.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        half = Path(name) / folder.name
        half.mkdir()
        tokens = export_graph(foresight, samples, half / "foresight.onnx")
        samples = {**samples, foresight.output: tokens}
        positions = export_graph(action, samples, half / "action.onnx")
        _write_parity(half / PARITY_FILE, foresight, action, {**samples, action.output: positions})
        manifest = BundleManifest(
            format=1,
            family=plan.family,
            name=plan.name,
            precision="fp32",
            joints=plan.joints,
            instructions=plan.instructions,
            cameras=plan.cameras,
            chunk=plan.chunk,
            foresight_age_max_ms=plan.foresight_age_max_ms,
            foresight=_graph_spec(foresight, half / "foresight.onnx", samples, tokens),
            action=_graph_spec(action, half / "action.onnx", samples, positions),
            parity=ParitySpec(
                file=PARITY_FILE,
                sha256=_sha256(half / PARITY_FILE),
                foresight_max_abs=FORESIGHT_MAX_ABS,
                action_max_abs_rad=ACTION_MAX_ABS_RAD,
            ),
            provenance=plan.provenance,
        )
        (half / MANIFEST_FILE).write_text(tomli_w.dumps(asdict(manifest)), encoding="utf-8")
        check_contract(load_manifest(half))  # what the robot would refuse must not leave the workstation
        _replace(half, folder)
    return manifest


def _write_parity(path: Path, foresight: Graph, action: Graph, samples: Arrays) -> None:
    arrays = {
        parity_key(graph.name, name): samples[name]
        for graph in (foresight, action)
        for name in (*graph.inputs, graph.output)
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _graph_spec(graph: Graph, path: Path, samples: Arrays, output: NDArray[np.generic]) -> GraphSpec:
    return GraphSpec(
        file=path.name,
        sha256=_sha256(path),
        inputs=tuple(_tensor_spec(name, samples[name]) for name in graph.inputs),
        outputs=(_tensor_spec(graph.output, output),),
    )


def _tensor_spec(name: str, values: NDArray[np.generic]) -> TensorSpec:
    return TensorSpec(name=name, shape=values.shape[1:], dtype=str(values.dtype))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _replace(new: Path, folder: Path) -> None:
    """Swap a whole folder in; the old one stays until the new one stands in its place."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
