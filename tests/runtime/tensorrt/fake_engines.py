"""Engines in a cache, as `forerun build` leaves them there, for the fake machine."""

import hashlib
from pathlib import Path

from interfaces.bundle_manifest import BundleManifest, GraphSpec
from interfaces.engine_record import (
    RECORD_FILE,
    RECORD_FORMAT,
    BuildSettings,
    EngineRecord,
    Plan,
    engine_key,
    read_board,
)
from interfaces.toml_writer import to_toml
from runtime.tensorrt.probe import found
from tests.runtime.tensorrt.fake_tensorrt import plan_of


def store_engines(manifest: BundleManifest, cache: Path, parity_max_abs: float) -> None:
    """Put plans for the fake into `cache`, for the machine as it is found now.

    The fake computes nothing like the bundle's graphs, so `parity_max_abs` decides whether they pass for them.
    """
    gpu = found()
    key = engine_key(manifest, gpu.tensorrt, read_board(gpu.device, gpu.compute_capability))
    folder = cache / key.name
    folder.mkdir(parents=True)
    cache.chmod(0o700)

    def stored(graph: str, spec: GraphSpec) -> Plan:
        data = plan_of(spec)
        digest = hashlib.sha256(data).hexdigest()
        file = f"{graph}-{digest[:12]}.plan"
        (folder / file).write_bytes(data)
        return Plan(
            file=file, sha256=digest, size_bytes=len(data), candidate="fp16", precision="fp16",
            parity_max_abs=parity_max_abs, inputs=spec.inputs, outputs=spec.outputs, tried=(),
        )  # fmt: skip

    record = EngineRecord(
        format=RECORD_FORMAT,
        bundle=manifest.name,
        created="2026-11-21 21:00",
        key=key,
        settings=BuildSettings(memory_mb=1792, optimisation_level=3, candidates=("fp16",)),
        gates=(),
        foresight=stored("foresight", manifest.foresight),
        action=stored("action", manifest.action),
    )
    (folder / RECORD_FILE).write_text(to_toml(record))
