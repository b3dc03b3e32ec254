"""The process that builds one engine: `python -I -m export.engines.build_main FOLDER`, with a job in the folder.

A builder that crashes takes this process down and no other (export/engines/child.py).
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from export.engines.build_job import JOB_FILE, PLAN_FILE, TIMING_FILE, BuildJob, BuildResult, write_result
from export.engines.builder import BuildRequest, Built, build_engine
from export.engines.child import end_with_parent, tell_parent
from interfaces.durable import write_whole
from interfaces.errors import DeviceError, ForerunError
from interfaces.toml_loader import load_toml

_RTX = "tensorrt_rtx_bindings"
_RTX_LIBRARIES = "tensorrt_rtx_libs"  # to be imported before it, which loads the libraries


def main(argv: list[str]) -> int:
    """Build what the job in the folder says, and leave engine and result beside it."""
    folder = Path(argv[0])
    end_with_parent()
    job = load_toml(folder / JOB_FILE, BuildJob)
    try:
        built = _build(job, folder)
    except ForerunError as error:
        write_result(folder, BuildResult(refused=str(error)))
        return 0
    write_whole(folder / PLAN_FILE, built.plan, 0o600)
    if built.timing:
        write_whole(folder / TIMING_FILE, built.timing, 0o600)
    write_result(
        folder,
        BuildResult(refused="", warnings=built.warnings, weights_bytes=built.weights_bytes, layers=built.layers),
    )
    return 0


def load_tensorrt(module: str) -> Any:
    """Return TensorRT's Python module; raises DeviceError in one line where it, or a library that it needs, is missing.

    Some containers of JetPack 7 lack libnvdla_compiler.so, and then its import raises OSError or ImportError
    (https://github.com/blakeblackshear/frigate/pull/23582).
    """
    try:
        if module == _RTX:
            importlib.import_module(_RTX_LIBRARIES)
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        raise DeviceError(f"TensorRT cannot be used: {error}") from error


def _build(job: BuildJob, folder: Path) -> Built:
    timing = folder / TIMING_FILE
    request = BuildRequest(
        name=job.name,
        graph=Path(job.graph),
        external=job.external,
        spec=job.spec,
        settings=job.settings,
        timing=timing.read_bytes() if timing.exists() else b"",
        capability=job.capability,
    )
    return build_engine(load_tensorrt(job.module), request, tell_parent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
