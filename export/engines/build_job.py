"""What crosses to the process that builds one engine, and back: two small TOML files, and the engine beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from export.engines.child import RESULT_FILE
from interfaces.bundle_manifest import GraphSpec
from interfaces.durable import write_whole
from interfaces.engine_record import BuildSettings
from interfaces.toml_writer import to_toml

JOB_FILE = "job.toml"
PLAN_FILE = "engine.plan"
TIMING_FILE = "timing.cache"  # read before the build, written after it


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildJob:
    """One engine to build, with files in the folder that the job lies in."""

    name: str  # for messages
    module: str  # tensorrt, or tensorrt_rtx_bindings
    capability: str  # of the latter, as SM86; else empty
    graph: str  # path of the ONNX file
    external: bool  # its weights lie in a file beside it
    spec: GraphSpec
    settings: BuildSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """What came of it."""

    refused: str  # why there is no engine; empty where there is one
    warnings: tuple[str, ...] = ()
    weights_bytes: int = 0
    layers: int = 0


def write_job(folder: Path, job: BuildJob) -> None:
    """Put a job into its folder. Raises OSError."""
    write_whole(folder / JOB_FILE, to_toml(job).encode(), 0o600)


def write_result(folder: Path, result: BuildResult) -> None:
    """Put a result beside its job, after the engine: it says that all is there. Raises OSError."""
    write_whole(folder / RESULT_FILE, to_toml(result).encode(), 0o600)
