"""A bundle as people read it: what it is for, what it is made of, and whether it is whole."""

from __future__ import annotations

from pathlib import Path

from interfaces.bundle_artefact import Artefact, Gate, HashedFile
from interfaces.bundle_manifest import (
    MANIFEST_FILE,
    SIGNATURE_FILE,
    BundleManifest,
    CameraSpec,
    GraphSpec,
    load_manifest,
)
from interfaces.errors import BundleError
from runtime.bundles.signature import TrustedKeys, check_signature
from runtime.policy.bundle import read_verified, require_nothing_else

_INDENT = "\n" + " " * 17


def show(folder: Path, keys: TrustedKeys) -> tuple[str, bool]:
    """Return the bundle in `folder` as text, and whether every file of it is what its manifest says.

    Raises ConfigError where it has no manifest that this version of forerun can read.
    """
    manifest = load_manifest(folder)
    chunk, provenance = manifest.chunk, manifest.provenance
    faults: list[str] = []
    rows = [
        ("bundle", f"{manifest.name} (format {manifest.format}) in {folder}"),
        ("family", manifest.family),
        ("instructions", ", ".join(manifest.instructions)),
        ("cameras", ", ".join(map(_camera, manifest.cameras)) or "none"),
        ("joints", ", ".join(manifest.joints)),
        (
            "chunk",
            f"{chunk.horizon} rows, {chunk.step_ms:g} ms apart, the first {chunk.first_ms:g} ms after the joints",
        ),
        ("foresight age", f"at most {manifest.foresight_age_max_ms:g} ms"),
        ("foresight", _tensors(manifest.foresight)),
        ("action", _tensors(manifest.action)),
        *((one.precision, _artefact(folder, one, faults)) for one in manifest.artefacts),
        ("parity", _file(folder, manifest.parity, faults)),
        (
            "held out",
            _file(folder, manifest.heldout, faults) if manifest.heldout else "none: its gates cannot be measured again",
        ),
        ("documents", _INDENT.join(_file(folder, one, faults) for one in manifest.documents) or "none"),
        ("other files", _others(folder, manifest, faults)),
        ("signature", _signature(folder, keys, faults)),
        ("made by", f"{provenance.command} (commit {provenance.commit}), {provenance.created}"),
        ("trained on", provenance.trained_on),
    ]
    text = "\n".join(f"{name:<15}{value}" for name, value in rows)
    return "\n".join((text, *(f"NOT WHOLE: {fault}" for fault in faults))), not faults


def _camera(camera: CameraSpec) -> str:
    size = f"{camera.name} {camera.width_px} x {camera.height_px}"
    if camera.n_history == 1:
        return size
    return f"{size} ({camera.n_history} pictures, {camera.history_step_ms:g} ms apart)"


def _tensors(spec: GraphSpec) -> str:
    takes, gives = (
        ", ".join(f"{one.name} {one.dtype} {list(one.shape)}" for one in tensors)
        for tensors in (spec.inputs, spec.outputs)
    )
    return f"takes {takes}{_INDENT}gives {gives}"


def _artefact(folder: Path, artefact: Artefact, faults: list[str]) -> str:
    limits = f"tokens within {artefact.foresight_max_abs:g}, positions within {artefact.action_max_abs_rad:g} rad"
    files = (_file(folder, file, faults) for graph in (artefact.foresight, artefact.action) for file in graph.files)
    gates = (f"{_gate(gate)}" for gate in artefact.gates)
    return _INDENT.join(((f"ready; {limits}" if artefact.ready else "NOT READY, a gate failed"), *files, *gates))


def _gate(gate: Gate) -> str:
    if gate.outcome == "skipped":
        return f"gate {gate.name}: not measured, {gate.worst}"
    return f"gate {gate.name}: {gate.measured:.4g}, limit {gate.limit:g}, {gate.outcome} ({gate.worst})"


def _file(folder: Path, part: HashedFile, faults: list[str]) -> str:
    try:
        data = read_verified(folder, part.file, part.sha256)
    except BundleError as error:
        faults.append(str(error))
        return f"{part.file}, NOT what its manifest says"
    return f"{part.file}, {len(data) / 1e6:.2f} MB, sha256 {part.sha256[:12]}... as the manifest says"


def _others(folder: Path, manifest: BundleManifest, faults: list[str]) -> str:
    try:
        require_nothing_else(folder, manifest)
    except (BundleError, OSError) as error:
        faults.append(str(error))
        return "there are, and a robot refuses them"
    return "none"


def _signature(folder: Path, keys: TrustedKeys, faults: list[str]) -> str:
    path = folder / SIGNATURE_FILE
    try:
        signature = path.read_bytes() if path.exists() else None
        return check_signature(str(folder), (folder / MANIFEST_FILE).read_bytes(), signature, keys)
    except OSError as error:
        faults.append(f"{path}: {error.strerror}")
    except BundleError as error:
        faults.append(str(error))
    return "NOT good"
