"""Measure how long the graphs of a bundle take on this machine, in every precision, against ONNX Runtime as it comes and torch.

    forerun bench robots/bundles/so101-small --against torch=runs/so101-small --plot latency.png

Or count what they ask of a Jetson Orin that is not at hand: operations, bytes, the least and the expected time, and what holds it.

    forerun bench robots/bundles/so101-small --roofline orin-nano-8
    forerun bench foresight.onnx --roofline all --assume fp16 int8 --plot roofline.png

A graph is counted without its weights. Figures of a busy machine are figures of a busy machine: its load stands beside them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forerun.missing_package import named_where_missing
from interfaces.errors import ConfigError, RefusedError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from bench.latency.contender import Contender
    from interfaces.engine import Tensors
    from interfaces.progress import Progress

_PRECISIONS = ("fp32", "fp16", "cpu-int8", "trt-int8")
_BOARDS = ("orin-agx-64", "orin-agx-32", "orin-nx-16", "orin-nano-8", "all")
_ASSUMED = ("fp32", "fp16", "int8")
_WIDTH = 140


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("what", type=Path, metavar="BUNDLE", help="folder of a bundle; with --roofline also GRAPH.onnx")
    parser.add_argument(
        "--precision", nargs="+", choices=_PRECISIONS, metavar="P", help="of the bundle's artefacts; default all"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures for programs")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw them")
    latency = parser.add_argument_group("latency")
    latency.add_argument("--runs", type=int, default=300, metavar="N", help="counted runs of each; default 300")
    latency.add_argument("--threads", type=int, default=1, metavar="N", help="of our engine and of torch; default 1")
    latency.add_argument(
        "--against", metavar="torch=RUN", help="folder of the run the bundle was made of, or FILE.py:FUNCTION"
    )
    roofline = parser.add_argument_group("roofline")
    roofline.add_argument("--roofline", choices=_BOARDS, metavar="BOARD", help=", ".join(_BOARDS))
    roofline.add_argument(
        "--assume",
        nargs="+",
        choices=_ASSUMED,
        default=[],
        metavar="P",
        help="fp32, fp16, int8: count as if it were that, too",
    )


def run(arguments: argparse.Namespace) -> int:
    """Measure or count, and say it."""
    from rich.console import Console

    if arguments.runs < 1 or arguments.threads < 1:
        raise RefusedError("--runs and --threads are 1 or more")
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)  # a file has no width of its own
    with named_where_missing():
        return (_roofline if arguments.roofline else _latency)(arguments, console)


def _latency(arguments: argparse.Namespace, console: Console) -> int:
    from bench.latency.comparison import compare, field_of
    from bench.latency.picture import draw_latencies
    from bench.latency.report import HOW, as_json, latency_table

    if arguments.what.suffix == ".onnx":
        raise RefusedError(
            f"{arguments.what}: a graph alone has no inputs to be timed on; give its bundle, or --roofline"
        )
    with _shown(console) as progress:
        field = field_of(arguments.what, arguments.precision, arguments.threads)
        for graph, contenders in field.contenders.items():
            contenders.extend(_torch(arguments, graph, field.rows[graph][0]))
        found = compare(field, arguments.runs, progress)
    title = f"{field.manifest.name}, {arguments.runs} runs, threads {arguments.threads}\n{found.surroundings.words}"
    console.print(title, highlight=False)
    for graph in field.contenders:
        mine = [each for each in found.measured if each.contender.graph == graph]
        console.print(latency_table(graph, mine, found.memory))
    console.print(HOW, highlight=False)
    for trouble in found.troubles:
        console.print(f"note: {trouble}", highlight=False)
    if arguments.plot:
        _draw(arguments.plot, lambda: draw_latencies(title, found.measured, arguments.plot))
    asked = {"bundle": str(arguments.what), "threads": arguments.threads, "against": arguments.against}
    return _write(arguments.json, as_json(found.measured, found.memory, found.surroundings, asked))


def _torch(arguments: argparse.Namespace, graph: str, row: Tensors) -> list[Contender]:
    """Return torch as contenders, where it is asked for."""
    if arguments.against is None:
        return []
    library, _, source = arguments.against.partition("=")
    if library != "torch" or not source:
        raise ConfigError("forerun bench", "--against", arguments.against, "torch=RUN, with the folder of a run")
    from bench.latency.contender import Contender
    from export.policy_source import CHECKPOINT
    from export.torch_latency import memory_command, torch_runs

    checkpoint = Path(source) / CHECKPOINT
    return [
        Contender(
            graph=graph,
            name=f"torch {mode}",
            precision="fp32",
            run=run,
            file_bytes=checkpoint.stat().st_size if checkpoint.is_file() else 0,
            memory_command=memory_command(source, graph, mode, arguments.threads, row),
        )
        for mode, run in torch_runs(source, graph, arguments.threads).items()
    ]


def _roofline(arguments: argparse.Namespace, console: Console) -> int:
    from export.roofline.boards import BOARDS
    from export.roofline.files import count_path
    from export.roofline.floor import floor_of
    from export.roofline.picture import draw_roofline
    from export.roofline.report import ASSUMPTIONS, as_json, count_table, floor_table, layer_table, numbers_table

    boards = [board for board in BOARDS.values() if arguments.roofline in {board.name, "all"}]
    counted = count_path(arguments.what, arguments.precision, arguments.assume)
    console.print(count_table(str(arguments.what), counted))
    console.print(numbers_table(counted))
    console.print(floor_table(boards, counted))
    for each in counted:
        console.print(layer_table(each, floor_of(each.layers, boards[0], boards[0].modes[0])))
    console.print(ASSUMPTIONS, highlight=False)
    if arguments.plot:
        _draw(arguments.plot, lambda: draw_roofline(counted, boards[0], arguments.plot))
    return _write(arguments.json, as_json(boards, counted))


@contextmanager
def _shown(console: Console) -> Generator[Progress]:
    """Show how far it is, where a person watches."""
    from rich.progress import Progress as Bars

    with Bars(console=console, transient=True) as shown:
        tasks: dict[str, TaskID] = {}

        def tell(done: int, total: int, text: str) -> None:
            if text not in tasks:
                tasks[text] = shown.add_task(text, total=total)
            shown.update(tasks[text], completed=done)

        yield tell


def _draw(file: Path, draw: Callable[[], None]) -> None:
    try:
        draw()
    except (OSError, ValueError) as error:  # ValueError: a suffix that is no picture's
        raise ConfigError(str(file), "--plot", str(error), "a picture that can be written, as FILE.png") from error


def _write(file: Path | None, figures: dict[str, Any]) -> int:
    from interfaces.durable import write_whole

    if file is not None:
        try:
            write_whole(file, (json.dumps(figures, indent=2) + "\n").encode())
        except OSError as error:
            raise ConfigError(str(file), "--json", error.strerror, "a file that can be written") from error
    return 0
