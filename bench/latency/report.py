"""Latencies as a table for people, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from bench.latency.contender import Contender
from bench.latency.round_robin import BLOCK, SETTLING, Measured
from bench.latency.surroundings import Surroundings

Memory = Mapping[tuple[str, str, str], int]  # bytes by graph, name and precision

HOW = (
    f"Contenders took turns in blocks of {BLOCK} runs, each on the same real inputs, after a warm-up; the first {SETTLING} runs of"
    " a block are not counted. CPU: processor time of all threads, median, which other processes lengthen less. Speed: against the"
    " first row, ratios of the fastest runs round by round: median and quartiles. Memory: what opening it and one run add to a process of"
    " its own, the library itself not counted."
)


def latency_table(title: str, measured: Sequence[Measured], memory: Memory) -> Table:
    """Return a row for each contender of one graph."""
    table = Table(title=title, title_justify="left")
    table.add_column("contender", no_wrap=True)
    table.add_column("precision", no_wrap=True)
    for name in ("min ms", "p50 ms", "p99 ms", "max ms", "CPU ms", "speed", "quartiles", "memory MB", "file MB"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in measured:
        grown = memory.get(memory_key(each.contender))
        speed, low, high = each.speed_against(measured[0])
        times_ms = (each.min_ms, each.p50_ms, each.p99_ms, each.max_ms, each.cpu_ms)
        table.add_row(
            each.contender.name,
            each.contender.precision,
            *(f"{value:.3f}" for value in times_ms),
            f"{speed:.2f}",
            "" if each is measured[0] else f"{low:.2f}-{high:.2f}",
            "-" if grown is None else f"{grown / 1e6:.1f}",
            f"{each.contender.file_bytes / 1e6:.2f}" if each.contender.file_bytes else "-",
        )
    return table


def as_json(
    measured: Sequence[Measured], memory: Memory, surroundings: Surroundings, asked: dict[str, Any]
) -> dict[str, Any]:
    """Return the figures for programs: what was asked for, the machine and its load, and a row for each contender."""
    rows: list[dict[str, Any]] = []
    for each in measured:
        first = next(other for other in measured if other.contender.graph == each.contender.graph)
        speed, low, high = each.speed_against(first)
        rows.append(
            {
                "graph": each.contender.graph,
                "contender": each.contender.name,
                "precision": each.contender.precision,
                "runs": int(each.durations_ms.size),
                "min_ms": each.min_ms,
                "p50_ms": each.p50_ms,
                "p99_ms": each.p99_ms,
                "max_ms": each.max_ms,
                "cpu_ms": each.cpu_ms,
                "speed": speed,
                "speed_quartiles": [low, high],
                "memory_bytes": memory.get(memory_key(each.contender)),
                "file_bytes": each.contender.file_bytes,
            }
        )
    return {"asked": asked, "surroundings": asdict(surroundings), "how": HOW, "rows": rows}


def memory_key(contender: Contender) -> tuple[str, str, str]:
    """Return by what a contender's memory is found."""
    return contender.graph, contender.name, contender.precision
