"""Exports the small policy: a finished run of `forerun distill` -> a bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from export.bundle_writer import BundlePlan, write_bundle
from export.onnx_graphs import Graph
from interfaces.bundle_manifest import BundleManifest, CameraSpec, ChunkSpec, Provenance
from models.small_policy import ActionGraph, ForesightGraph, load_policy


def export_small_policy(run: Path, bundle: Path, provenance: Provenance) -> BundleManifest:
    """Write the bundle of the policy in the folder `run` (`policy.pt`, `heldout.npz`) to the folder `bundle`.

    Raises OSError when the run is not finished, and BundleError when ONNX does not compute what torch does.
    """
    policy = load_policy(run / "policy.pt")
    config = policy.config
    with np.load(run / "heldout.npz", allow_pickle=False) as heldout:
        samples = {name: heldout[name] for name in heldout.files}
    plan = BundlePlan(
        family="small",
        name=bundle.name,
        joints=config.joints,
        instructions=config.instructions,
        cameras=(CameraSpec(name=config.camera, width_px=config.width_px, height_px=config.height_px),),
        chunk=ChunkSpec(horizon=config.horizon, step_ms=config.step_ms, first_ms=config.first_ms),
        foresight_age_max_ms=config.foresight_age_max_ms,
        provenance=provenance,
    )
    foresight = Graph(
        name="foresight", network=ForesightGraph(policy), inputs=(config.camera, "instruction"), output="tokens"
    )
    action = Graph(
        name="action",
        network=ActionGraph(policy),
        inputs=("tokens", "joints", "foresight_age", "noise"),
        output="positions",
    )
    return write_bundle(plan, foresight, action, samples, bundle)
