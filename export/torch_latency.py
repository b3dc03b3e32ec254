"""Torch's own ways of running a policy, to hold its exported graphs against: eager, and compiled by torch.compile.

    python -m export.torch_latency SOURCE GRAPH MODE THREADS SHAPES

opens one of them in a process of its own, runs it once on zeros, and prints by how many bytes the process grew, torch itself not counted.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from export.onnx_graphs import Graph
from export.policy_source import load_source
from interfaces.errors import RefusedError

Mode = Literal["eager", "compile"]
MODES: tuple[Mode, ...] = get_args(Mode)
Run = Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]


def torch_runs(source: str, graph: str, threads: int, modes: Sequence[Mode] = MODES) -> dict[Mode, Run]:
    """Return what runs one graph of the policy at `source` (a run's folder, or FILE.py:FUNCTION), by mode, on `threads` threads.

    torch.compile compiles at the first run, which takes a minute. Raises ConfigError where there is no policy.
    """
    torch.set_num_threads(threads)  # of the whole process: torch has no other
    policy = load_source(source)
    wanted = policy.foresight if graph == policy.foresight.name else policy.action
    return {mode: _run(wanted, mode) for mode in modes}


def memory_command(
    source: str, graph: str, mode: Mode, threads: int, row: Mapping[str, NDArray[Any]]
) -> tuple[str, ...]:
    """Return the program that opens the same, runs it once on inputs like `row`, and prints by how many bytes it grew."""
    shapes = json.dumps({name: [str(array.dtype), list(array.shape)] for name, array in row.items()})
    file, colon, function = source.rpartition(":")
    place = f"{Path(file).resolve()}{colon}{function}" if file.endswith(".py") else str(Path(source).resolve())
    return (sys.executable, "-I", "-m", "export.torch_latency", place, graph, mode, str(threads), shapes)


def _run(graph: Graph, mode: Mode) -> Run:
    network = graph.network.eval()
    run: Any = torch.compile(network, dynamic=False) if mode == "compile" else network

    def once(row: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # arrays that are not to be written to, which nobody does; compiler's own
            try:
                output: torch.Tensor = run(*(torch.from_numpy(np.asarray(row[name])) for name in graph.inputs))
            except RuntimeError as error:  # among others, no compiler for what torch.compile writes
                raise RefusedError(
                    f"torch {mode} cannot run {graph.name} here: {str(error).splitlines()[0]}"
                ) from error
            return output.numpy()

    return once


def main(arguments: list[str]) -> None:
    """Measure one; the arguments are those in the module's docstring."""
    source, graph, mode, threads, shapes = arguments
    row = {name: np.zeros(shape, dtype) for name, (dtype, shape) in json.loads(shapes).items()}
    before = _resident_bytes()
    asked = MODES[MODES.index(cast("Mode", mode))]
    torch_runs(source, graph, int(threads), (asked,))[asked](row)
    sys.stdout.write(f"{_resident_bytes() - before}\n")


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(sys.argv[1:])
