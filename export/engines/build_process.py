"""One engine built in a process of its own: a builder that crashes or hangs costs one candidate, not the command."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from export.engines.build_job import PLAN_FILE, BuildJob, BuildResult, write_job
from export.engines.child import RESULT_FILE, Watch, run_child
from interfaces.errors import BundleError
from interfaces.toml_loader import load_toml

BUILD_COMMAND = (sys.executable, "-I", "-m", "export.engines.build_main")


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """An engine on the disk, and what was said about it."""

    plan: Path
    result: BuildResult
    build_s: float


def run_build(job: BuildJob, folder: Path, watch: Watch) -> BuildOutcome:
    """Return the engine of a job, built in `folder` by a process of its own.

    Raises BundleError with what TensorRT said where it refused, DeviceError where the process crashed, or took too long; OSError
    where it cannot be started.
    """
    write_job(folder, job)
    t_start_ns = watch.clock_ns()
    run_child(job.name, folder, watch)
    build_s = (watch.clock_ns() - t_start_ns) * 1e-9
    result = load_toml(folder / RESULT_FILE, BuildResult)
    if result.refused:
        raise BundleError(result.refused)
    return BuildOutcome(folder / PLAN_FILE, result, build_s)
