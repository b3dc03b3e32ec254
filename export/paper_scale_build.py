"""The paper-scale graphs through the whole way to TensorRT: exported in FP16, quantised to INT8, both built on a processor.

    python -m export.paper_scale_build --folder FOLDER

prints, for each graph and precision, what each step took in time and memory, and what came out. Every step is a process of its own, so
that its memory is its own, and is skipped where an earlier run finished it: its figures are in FOLDER/steps.json. The exporting takes
4 GB of disk and some minutes, the INT8 graphs 2 GB more; the largest step holds 14 GB of memory. The weights are random, so that
nothing is said about exactness, and ranges would mean nothing: all are taken to be the same (measuring them with ONNX Runtime on a
processor, which computes FP16 in FP32, needs more than 19 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import onnx
from onnx import ModelProto
from rich.console import Console
from rich.table import Table

from export.paper_scale import export_paper_scale, paper_config
from export.quantise.blocks import blocks_of
from export.quantise.graph_files import write_graph
from export.quantise.layouts import quantise_in_place
from export.quantise.ranges import Ranges
from export.rtx_build import build, stored
from export.tensorrt_rules.check import require_accepted
from interfaces.durable import write_whole
from interfaces.errors import ForerunError

GRAPHS = ("foresight", "action")
Precision = Literal["fp16", "trt-int8"]
_STEPS_FILE = "steps.json"
_ASSUMED_LIMIT = 8.0
_PROGRESS, _FIGURES = "progress ", "figures "

Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do, in a process of its own."""

    action: Literal["export", "quantise", "build"]
    graph: str = ""  # of an export, both
    precision: Precision = "fp16"

    @property
    def key(self) -> str:
        """Return the name of the step in the file of figures."""
        return " ".join(part for part in (self.action, self.graph, self.precision) if part)


STEPS = (
    Step(action="export"),
    *(Step(action="build", graph=graph) for graph in GRAPHS),
    *(Step(action="quantise", graph=graph, precision="trt-int8") for graph in GRAPHS),
    *(Step(action="build", graph=graph, precision="trt-int8") for graph in GRAPHS),
)


def export_step(folder: Path, _step: Step) -> Figures:
    """Export both graphs in FP16; return the seconds of each."""
    exported = export_paper_scale(folder, paper_config(), "fp16", _tell)
    return {one.path.name.partition(".")[0]: one.export_s for one in exported}


def quantise_step(folder: Path, step: Step) -> Figures:
    """Write the INT8 graph of an FP16 one, by the default choice of blocks."""
    path = folder / f"{step.graph}.fp16.onnx"
    model = onnx.load(path)
    blocks = blocks_of(model, "trt-int8")
    chosen = {block.name for block in blocks if block.kept_because is None}
    _tell(1, 2, f"quantising {len(chosen)} of {len(blocks)} blocks of {path.stem}")
    quantise_in_place(model, _assumed_ranges(model), "trt-int8", chosen)
    made = folder / f"{step.graph}.trt-int8.onnx"
    require_accepted(model, made.name)
    write_graph(model, made)
    return {"blocks": len(blocks), "quantised": len(chosen)}


def _assumed_ranges(model: ModelProto) -> Ranges:
    limit = np.array([_ASSUMED_LIMIT])
    names = (*(value.name for value in model.graph.input), *(name for node in model.graph.node for name in node.output))
    return Ranges(dict.fromkeys(names, (-limit, limit)))


def build_step(folder: Path, step: Step) -> Figures:
    """Build a graph with TensorRT-RTX; its log says what its weights take."""
    path = folder / f"{step.graph}.{step.precision}.onnx"
    held = stored(onnx.load(path, load_external_data=False), folder)
    built = build(path, _tell)
    figures: Figures = {
        "layers": built.layers,
        "weights_bytes": built.weights_bytes,
        "plan_bytes": built.plan_bytes,
        "build_s": built.build_s,
    }
    return figures | ({"int8": held.element_bytes(built.weights_bytes)} if held.int8_elements else {})


_ACTIONS: dict[str, Callable[[Path, Step], Figures]] = {
    "export": export_step,
    "quantise": quantise_step,
    "build": build_step,
}


def run_step(folder: Path, step: Step, tell: Callable[[str], None]) -> Figures:
    """Run a step in a process of its own; return its figures with wall seconds and the peak of its memory.

    Raises ForerunError with the last of what it said when it fails.
    """
    arguments = [
        sys.executable,
        "-m",
        "export.paper_scale_build",
        "--folder",
        str(folder),
        "--step",
        json.dumps(asdict(step)),
    ]
    begun_ns = time.monotonic_ns()
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert child.stdout is not None
    figures: Figures = {}
    said = ""
    for line in child.stdout:
        if line.startswith(_PROGRESS):
            tell(f"{step.key}: {line.removeprefix(_PROGRESS).strip()}")
        elif line.startswith(_FIGURES):
            figures = cast("Figures", json.loads(line.removeprefix(_FIGURES)))
        elif line.strip():
            said = line.strip()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise ForerunError(f"{step.key} failed (exit status {child.returncode}): {said}")
    return {**figures, "wall_s": (time.monotonic_ns() - begun_ns) / 1e9, "peak_rss_bytes": usage.ru_maxrss * 1024}


def run_all(folder: Path, tell: Callable[[str], None]) -> dict[str, Figures]:
    """Run what is not done yet; return the figures of all steps."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _STEPS_FILE
    done: dict[str, Figures] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for step in STEPS:
        if step.key not in done:
            tell(f"{step.key}: starting")
            done[step.key] = run_step(folder, step, tell)
            write_whole(path, json.dumps(done, indent=1).encode())
    return done


def table_of(done: dict[str, Figures]) -> Table:
    """Return the figures as people read them: a line for each graph and precision."""
    table = Table(
        "graph", "precision", "export, s", "quantise, s (GB)", "build, s (GB)", "layers", "plan, MB", "weights, MB",
        "bytes an INT8 weight",
    )  # fmt: skip
    for precision in ("fp16", "trt-int8"):
        for graph in GRAPHS:
            made = done[Step(action="build", graph=graph, precision=precision).key]
            quantised = done.get(Step(action="quantise", graph=graph, precision=precision).key)
            table.add_row(
                graph,
                precision,
                f"{done['export fp16'][graph]:.0f}",
                "" if quantised is None else f"{quantised['wall_s']:.0f} ({quantised['peak_rss_bytes'] / 1e9:.1f})",
                f"{made['build_s']:.0f} ({made['peak_rss_bytes'] / 1e9:.1f})",
                f"{made['layers']:.0f}",
                f"{made['plan_bytes'] / 1e6:.0f}",
                f"{made['weights_bytes'] / 1e6:.0f}",
                f"{made['int8']:.2f}" if "int8" in made else "",
            )
    return table


def main() -> int:
    """Run all steps and print the table; or, with --step, be the process of one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the graphs go, or lie from an earlier run")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step = Step(**json.loads(arguments.step))
        sys.stdout.write(f"{_FIGURES}{json.dumps(_ACTIONS[step.action](arguments.folder, step))}\n")
        return 0
    console = Console(width=None if sys.stdout.isatty() else 140)
    try:
        with console.status("starting") as status:
            done = run_all(arguments.folder, status.update)
    except ForerunError as error:
        console.print(str(error))
        return 1
    console.print(table_of(done))
    console.print(f"exporting held {done['export fp16']['peak_rss_bytes'] / 1e9:.1f} GB")
    return 0


def _tell(done: int, total: int, text: str) -> None:
    sys.stdout.write(f"{_PROGRESS}{text} {done}/{total}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
