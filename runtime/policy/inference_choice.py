"""What runs a bundle on this machine: TensorRT engines that were built here, or an artefact of it on the processor.

`auto` takes the engines where there are any, and where these are damaged or there are none, the best artefact that is ready and made for
a processor: a robot that lost its engines works, more slowly, and says so. A person may ask
for one of them by name, in the robot file or for one run; then it is that one or none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from interfaces.bundle_artefact import ON_PROCESSOR, Artefact, Precision
from interfaces.bundle_manifest import BundleManifest
from interfaces.engine_cache import EngineCache, Entry, cache_folders
from interfaces.engine_record import engine_key, read_board
from interfaces.errors import BundleError, ConfigError, DeviceError

# As in the robot file (interfaces/robot_config.py); trt-int8 on a processor is for looking at it only.
Inference = Literal["auto", "tensorrt", "fp32", "fp16", "cpu-int8", "trt-int8"]
_log = logging.getLogger(__name__)


class OnGpu(Protocol):
    """What there is on this machine to run engines with (runtime/tensorrt/probe.py)."""

    @property
    def tensorrt(self) -> str:
        """Return the version of TensorRT."""
        ...

    @property
    def device(self) -> str:
        """Return the GPU's name."""
        ...

    @property
    def compute_capability(self) -> str:
        """Return its architecture, as 8.7."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to run the bundle."""

    of: Artefact | Entry

    @property
    def words(self) -> str:
        """Return what it is, for people."""
        if isinstance(self.of, Artefact):
            return f"{self.of.precision} on ONNX Runtime"
        plans = self.of.record
        return f"TensorRT {plans.key.tensorrt}, foresight {plans.foresight.candidate}, action {plans.action.candidate}"

    @property
    def precision(self) -> str:
        """Return the precision of the slower graph, in a word."""
        return self.of.precision if isinstance(self.of, Artefact) else f"tensorrt-{self.of.record.foresight.precision}"

    @property
    def foresight_max_abs(self) -> float:
        """Return how far its tokens may be off the references in the parity file."""
        return self.of.foresight_max_abs if isinstance(self.of, Artefact) else self.of.record.foresight.parity_max_abs

    @property
    def action_max_abs_rad(self) -> float:
        """Return how far its positions may be."""
        return self.of.action_max_abs_rad if isinstance(self.of, Artefact) else self.of.record.action.parity_max_abs


def choices(manifest: BundleManifest, inference: Inference) -> tuple[Choice, ...]:
    """Return the ways to run the bundle here, best first, never none.

    Raises BundleError where it has nothing fit to run. Where TensorRT is asked for: BundleError or ConfigError where there are no
    engines or they are not to be believed, DeviceError where it is not there.
    """
    for precision in get_args(Precision):
        if inference == precision:
            return (Choice(manifest.artefact(precision)),)
    required = inference == "tensorrt"
    entry = _engines(manifest, required=required)
    on_gpu = () if entry is None else (Choice(entry),)
    if required:
        return on_gpu
    ready = tuple(Choice(one) for one in manifest.artefacts if one.ready and one.precision in ON_PROCESSOR)
    if not on_gpu and not ready:
        raise BundleError(
            f"bundle {manifest.name} has no artefact that is ready and runs on a processor: {_faults(manifest)}"
        )
    return (*on_gpu, *ready)


def find_engines(manifest: BundleManifest, gpu: OnGpu) -> Entry | None:
    """Return the engines that were built for the bundle on this very board; None where none were. Raises as `choices`."""
    key = engine_key(manifest, gpu.tensorrt, read_board(gpu.device, gpu.compute_capability))
    found = (EngineCache(folder).find(key, manifest) for folder in cache_folders())
    return next((entry for entry in found if entry is not None), None)


def _engines(manifest: BundleManifest, *, required: bool) -> Entry | None:
    # Imported on use: a machine without GPU learns here that it has none, and needs nothing of TensorRT for it.
    from runtime.tensorrt.probe import Missing, probe

    gpu = probe()
    if isinstance(gpu, Missing):
        if required:
            raise DeviceError(f'policy.inference is "tensorrt": {gpu.why}')
        _log.info("runs on the processor: %s", gpu.why)
        return None
    try:
        entry = find_engines(manifest, gpu)
    except (BundleError, ConfigError) as error:
        if required:
            raise
        _log.warning("runs on the processor: %s", error)
        return None
    if entry is None:
        why = f"no engines were built for bundle {manifest.name} on this board; `forerun build` builds them"
        if required:
            raise BundleError(f'policy.inference is "tensorrt": {why}')
        _log.warning("runs on the processor: %s", why)
    return entry


def _faults(manifest: BundleManifest) -> str:
    return "; ".join(_fault(artefact) for artefact in manifest.artefacts)


def _fault(artefact: Artefact) -> str:
    failed = [f"{gate.name} at {gate.worst}" for gate in artefact.gates if gate.outcome == "failed"]
    if failed:
        return f"{artefact.precision} missed {', '.join(failed)}"
    return f"{artefact.precision} is {'for TensorRT' if artefact.ready else 'not ready'}"
