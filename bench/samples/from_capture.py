"""Samples from what `forerun calibrate capture` took on the robot: its own pictures and joints, all over the workspace.

A capture knows no instruction and ran no policy, so what else the graphs take is drawn (bench/samples/drawn_inputs.py).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.samples.drawn_inputs import DrawnInputs
from bench.samples.sample_rows import evenly, stacked
from interfaces.bundle_manifest import BundleManifest
from interfaces.capture_file import Capture, read_capture
from interfaces.engine import Tensors
from interfaces.errors import UnfitError
from interfaces.graph_contract import JOINTS
from interfaces.progress import Progress
from interfaces.sample_file import Samples


def gather_from_capture(
    folder: Path, manifest: BundleManifest, n_samples: int, seed: int, progress: Progress
) -> Samples:
    """Return up to `n_samples` samples, evenly out of the capture in `folder`; the same seed gives the same.

    Raises ConfigError where it is damaged, UnfitError where it is of another robot than the bundle is for, or the bundle looks back,
    RefusedError where it is empty.
    """
    capture = read_capture(folder)
    _check_fits(capture, manifest)
    drawn = DrawnInputs(manifest, seed)
    rows: list[Tensors] = []
    chosen = evenly(len(capture), n_samples)
    for index in chosen:
        joints_rad = capture.position_rad[index].astype(np.float32)
        pictures = {camera.name: capture.rgb(index, camera.name) for camera in manifest.cameras}
        rows.append({**drawn.draw(joints_rad), **pictures, JOINTS: joints_rad})
        progress(len(rows), len(chosen), f"picture {len(rows)} of {len(chosen)}")
    return stacked(str(folder), rows, manifest)


def _check_fits(capture: Capture, manifest: BundleManifest) -> None:
    facts, told = capture.facts, f"bundle {manifest.name}"
    looking_back = [camera.name for camera in manifest.cameras if camera.n_history > 1]
    if looking_back:
        sees = f"{told} sees several pictures of camera {', '.join(looking_back)} one after the other"
        raise UnfitError(f"{capture.folder}: a capture has single pictures; {sees}: gather from a flight record")
    if facts.joints != manifest.joints:
        found = f"{capture.folder}: a capture of {', '.join(facts.joints)}"
        raise UnfitError(f"{found}; {told} moves {', '.join(manifest.joints)}")
    sizes = {camera.name: (camera.width_px, camera.height_px) for camera in facts.cameras}
    for wanted in manifest.cameras:
        size = (wanted.width_px, wanted.height_px)
        if sizes.get(wanted.name) != size:
            found = (
                f"{capture.folder}: a capture through {', '.join(f'{name} at {its}' for name, its in sizes.items())}"
            )
            raise UnfitError(f"{found}; {told} sees through {wanted.name} at {size}")
