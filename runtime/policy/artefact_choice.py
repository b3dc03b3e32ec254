"""Which artefact of a bundle the processor runs: the one asked for by name, else the best that is ready."""

from __future__ import annotations

from typing import Literal, get_args

from interfaces.bundle_artefact import ON_PROCESSOR, Artefact, Precision
from interfaces.bundle_manifest import BundleManifest
from interfaces.errors import BundleError

Inference = Literal[
    "auto", "tensorrt", "fp32", "fp16", "cpu-int8", "trt-int8"
]  # as in the robot file, and what people may ask for


def artefact_on_processor(manifest: BundleManifest, inference: Inference) -> Artefact:
    """Return the artefact for ONNX Runtime; raises BundleError where the bundle has none that is fit to run.

    One asked for by its precision is run even if it is not ready: people look for the fault in it that way.
    """
    for precision in get_args(Precision):
        if inference == precision:
            return manifest.artefact(precision)
    ready = [one for one in manifest.artefacts if one.ready and one.precision in ON_PROCESSOR]
    if not ready:
        raise BundleError(
            f"bundle {manifest.name} has no artefact that is ready and runs on a processor: {_why(manifest)}"
        )
    return ready[0]


def _why(manifest: BundleManifest) -> str:
    faults = (
        f"{artefact.precision} missed {', '.join(f'{gate.name} at {gate.worst}' for gate in artefact.gates if gate.outcome == 'failed')}"
        if not artefact.ready
        else f"{artefact.precision} is for TensorRT"
        for artefact in manifest.artefacts
    )
    return "; ".join(faults)
