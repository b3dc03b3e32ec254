"""The memory that opening an engine takes: the resident set of a process of its own, before and after opening and one run.

    python -m bench.latency.memory forerun|plain|plain-threads|tensorrt BUNDLE PRECISION GRAPH THREADS

What the library itself takes when it is imported comes before and is not counted: it is there once, however many graphs there are.
Memory that belongs to a GPU's driver is in no resident set, not even where it is the same memory, as on a Jetson.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

from interfaces.errors import DeviceError

_TIME_LIMIT_S = 600.0
# Not -m: that looks in the working directory first, which is anybody's.
_RUN = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
_ROOT = str(Path(__file__).parents[2])


def resident_bytes() -> int:
    """Return the resident set of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory_command(way: str, folder: Path, precision: str, graph: str, threads: int) -> tuple[str, ...]:
    """Return the program that opens one contender of a bundle, runs it once, and prints by how many bytes it grew."""
    asked = (way, str(folder.resolve()), precision, graph, str(threads))
    return (sys.executable, "-c", _RUN, _ROOT, "bench.latency.memory", *asked)


def grown_bytes(command: tuple[str, ...]) -> int:
    """Return what a program that measures itself prints last; raises DeviceError with its last words when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIME_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"its memory was not measured: it took more than {_TIME_LIMIT_S:.0f} s") from error
    words = done.stdout.split()
    if done.returncode != 0 or not words or not words[-1].lstrip("-").isdigit():
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise DeviceError(f"its memory was not measured: the process ended with {done.returncode} and said: {last}")
    return int(words[-1])


def main(arguments: list[str]) -> None:
    """Open one contender of a bundle, run it once, and print by how many bytes the process grew."""
    # Imported here, as the one who only asks for the figure needs none of it.
    import numpy as np

    from bench.latency.engines import open_contender
    from bench.latency.gpu_engines import open_on_gpu
    from interfaces.bundle_manifest import load_manifest

    way, folder, precision, graph, threads = cast("tuple[Any, ...]", tuple(arguments))
    manifest = load_manifest(Path(folder))
    spec = manifest.foresight if graph == "foresight" else manifest.action
    row = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in spec.inputs}
    before = resident_bytes()
    threads = int(threads)
    on_gpu = way == "tensorrt"
    run = (
        open_on_gpu(manifest, graph)
        if on_gpu
        else open_contender(way, Path(folder), manifest, precision, graph, threads)
    )
    run(row)
    sys.stdout.write(f"{resident_bytes() - before}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
