"""Writes a bundle: graphs, parity samples and manifest into one folder that appears whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import tomli_w
from numpy.typing import NDArray

from export.onnx_graphs import Arrays, Graph, export_graph
from export.torch_policy import TorchPolicy
from interfaces.bundle_artefact import WEIGHTS_SUFFIX, Artefact, GraphFile, HashedFile
from interfaces.bundle_manifest import (
    FORMAT,
    MANIFEST_FILE,
    PARITY_FILE,
    BundleManifest,
    GraphSpec,
    Provenance,
    TensorSpec,
    load_manifest,
)
from interfaces.graph_contract import check_contract, parity_key

PARITY_SAMPLES = 8  # at most: they are run at every start of the robot

# Other processors round differently; a wrong graph is off by orders of magnitude more.
FORESIGHT_MAX_ABS = 2e-3
ACTION_MAX_ABS_RAD = 1e-3


def write_bundle(policy: TorchPolicy, provenance: Provenance, folder: Path) -> BundleManifest:
    """Export both graphs in fp32 and write the bundle to `folder`, replacing what is there only once the new one is whole.

    The action graph is tried on the tokens that the foresight graph gives for the same samples. Raises BundleError when ONNX does
    not compute what torch does, or the graphs break their contract.
    """
    foresight, action, samples = policy.foresight, policy.action, policy.samples
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        half = Path(name) / folder.name
        half.mkdir()
        tokens = export_graph(foresight, samples, half / "foresight.fp32.onnx")
        samples = {**samples, foresight.output: tokens}
        positions = export_graph(action, samples, half / "action.fp32.onnx")
        _write_parity(half / PARITY_FILE, foresight, action, {**samples, action.output: positions})
        manifest = BundleManifest(
            format=FORMAT,
            family=policy.family,
            name=folder.name,
            joints=policy.joints,
            instructions=policy.instructions,
            cameras=policy.cameras,
            chunk=policy.chunk,
            foresight_age_max_ms=policy.foresight_age_max_ms,
            foresight=_graph_spec(foresight, samples, tokens),
            action=_graph_spec(action, samples, positions),
            artefacts=(
                Artefact(
                    precision="fp32",
                    ready=True,
                    foresight=graph_file(half / "foresight.fp32.onnx"),
                    action=graph_file(half / "action.fp32.onnx"),
                    foresight_max_abs=FORESIGHT_MAX_ABS,
                    action_max_abs_rad=ACTION_MAX_ABS_RAD,
                ),
            ),
            parity=hashed_file(half / PARITY_FILE),
            provenance=provenance,
        )
        write_manifest(manifest, half)
        replace_folder(half, folder)
    return manifest


def write_manifest(manifest: BundleManifest, folder: Path) -> None:
    """Write the manifest into `folder`, and read it again: what the robot would refuse must not leave the workstation."""
    table = _table(asdict(manifest))
    for camera in table["cameras"]:
        if camera["n_history"] == 1:  # said by leaving it out: older runtimes know neither key
            del camera["n_history"], camera["history_step_ms"]
    (folder / MANIFEST_FILE).write_text(tomli_w.dumps(table), encoding="utf-8")
    check_contract(load_manifest(folder))


def hashed_file(path: Path) -> HashedFile:
    """Return a file of the bundle with its hash."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return HashedFile(file=path.name, sha256=digest.hexdigest())


def graph_file(path: Path) -> GraphFile:
    """Return a graph of the bundle with its hash, and with that of the weights beside it, if there are any."""
    graph, weights = hashed_file(path), path.with_name(path.name + WEIGHTS_SUFFIX)
    return GraphFile(file=graph.file, sha256=graph.sha256, weights=hashed_file(weights) if weights.exists() else None)


def _table(value: Any) -> Any:
    """Return what TOML can hold: a key without a value is left out."""
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value).items()
        return {key: _table(entry) for key, entry in entries if entry is not None}
    if isinstance(value, (list, tuple)):
        return [_table(entry) for entry in cast("list[Any]", value)]
    return value


def _write_parity(path: Path, foresight: Graph, action: Graph, samples: Arrays) -> None:
    arrays = {
        parity_key(graph.name, name): samples[name][:PARITY_SAMPLES]
        for graph in (foresight, action)
        for name in (*graph.inputs, graph.output)
    }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _graph_spec(graph: Graph, samples: Arrays, output: NDArray[np.generic]) -> GraphSpec:
    return GraphSpec(
        inputs=tuple(_tensor_spec(name, samples[name]) for name in graph.inputs),
        outputs=(_tensor_spec(graph.output, output),),
    )


def _tensor_spec(name: str, values: NDArray[np.generic]) -> TensorSpec:
    return TensorSpec(name=name, shape=values.shape[1:], dtype=str(values.dtype))


def replace_folder(new: Path, folder: Path) -> None:
    """Swap a whole folder in; the old one stays until the new one stands in its place."""
    old = folder.with_name(f".{folder.name}.old")
    if old.exists() and not folder.exists():
        old.rename(folder)  # a run was killed between the two renames below: this is the only copy
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
