"""The tiny bundle of the tests with held-out frames, and a second artefact that is off by so much: for what judges artefacts."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from interfaces.bundle_artefact import Artefact, Gate, GraphFile, HashedFile
from interfaces.bundle_manifest import HELDOUT_FILE, MANIFEST_FILE, BundleManifest, load_manifest
from interfaces.sample_file import Samples, write_samples
from interfaces.toml_writer import to_toml

TINY = Path(__file__).parents[1] / "tests/data/tiny_bundle"
# Those of the action graph, as tests/data/make_tiny_bundle.py makes them.
_WEIGHTS = np.random.default_rng(7).uniform(-0.2, 0.2, (8, 6)).astype(np.float32)


def make_gated_bundle(
    folder: Path, samples: Samples, *, off_ratio: float, ready: bool = True, gates: tuple[Gate, ...] = ()
) -> Path:
    """Write the tiny bundle with `samples` as its held-out frames, and a cpu-int8 whose action weights are off by a ratio."""
    shutil.copytree(TINY, folder)
    write_samples(folder / HELDOUT_FILE, samples)
    manifest = load_manifest(folder)
    (fp32,) = manifest.artefacts
    good = (folder / fp32.action.file).read_bytes()
    changed = good.replace(_WEIGHTS.tobytes(), (_WEIGHTS * np.float32(1 + off_ratio)).tobytes())
    (folder / "action.cpu-int8.onnx").write_bytes(changed)
    candidate = Artefact(
        precision="cpu-int8",
        ready=ready,
        foresight=fp32.foresight,
        action=GraphFile(file="action.cpu-int8.onnx", sha256=sha256(folder / "action.cpu-int8.onnx")),
        foresight_max_abs=1e-3,
        action_max_abs_rad=1.0,
        gates=gates,
    )
    heldout = HashedFile(file=HELDOUT_FILE, sha256=sha256(folder / HELDOUT_FILE))
    write(folder, replace(manifest, artefacts=(fp32, candidate), heldout=heldout))
    return folder


def tiny_samples(n_samples: int) -> Samples:
    """Return frames of one colour each, and everything else drawn."""
    generator = np.random.default_rng(11)
    colours = generator.integers(0, 256, (n_samples, 1, 1, 3), np.uint8)
    return {
        "front": np.broadcast_to(colours, (n_samples, 240, 424, 3)),
        "instruction": np.eye(4, dtype=np.float32)[generator.integers(4, size=n_samples)],
        "joints": generator.uniform(-1, 1, (n_samples, 6)).astype(np.float32),
        "foresight_age": generator.uniform(0.02, 0.2, n_samples).astype(np.float32),
        "noise": generator.standard_normal((n_samples, 16, 6), np.float32),
    }


def write(folder: Path, manifest: BundleManifest) -> None:
    """Write a manifest as it is."""
    (folder / MANIFEST_FILE).write_text(to_toml(manifest), encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
