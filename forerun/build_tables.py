"""What was built, as tables: the candidates of one bundle, and the engines in a cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from export.engines.cache_changes import Row
from interfaces.engine_record import Board, Tried

_CANDIDATES = ("graph", "candidate", "build s", "plan MB", "p50 ms", "p99 ms", "worst", "verdict")
_ENTRIES = ("bundle", "foresight", "action", "TensorRT", "board", "built", "MB", "state")
_WHY_MAX = 100  # characters; the record has all of it


def candidates_table(tried: Mapping[str, Sequence[Tried]]) -> str:
    """Return the candidates of both graphs, a line each."""
    return _table([_CANDIDATES, *(_candidate(graph, one) for graph, all_of in tried.items() for one in all_of)])


def entries_table(rows: Sequence[Row], tensorrt: str | None, board: Board | None) -> str:
    """Return the engines in a cache, a line each; without `tensorrt` and `board`, what they are is not judged."""
    return _table([_ENTRIES, *(_entry(row, tensorrt, board) for row in rows)])


def _candidate(graph: str, tried: Tried) -> tuple[str, ...]:
    built = tried.p50_ms is not None
    verdict = tried.outcome if not tried.why else f"{tried.outcome}: {_short(tried.why)}"
    return (
        graph,
        tried.candidate,
        f"{tried.build_s:.1f}" if built else "-",
        f"{tried.size_bytes / 1e6:.2f}" if built else "-",
        _ms(tried.p50_ms),
        _ms(tried.p99_ms),
        _worst(tried),
        verdict,
    )


def _worst(tried: Tried) -> str:
    """Return what decides on the held-out frames: of actions the error, of foresight the cosine; else the parity."""
    measured = {gate.name: gate for gate in tried.gates if gate.outcome != "skipped"}
    error, cosine, parity = (measured.get(name) for name in ("action error", "foresight cosine", "parity"))
    if error is not None:
        return f"{100 * error.measured:.2f} % of range"
    if cosine is not None:
        return f"cosine {cosine.measured:.4f}"
    return f"{parity.measured:.1e} off" if parity is not None else "-"


def _entry(row: Row, tensorrt: str | None, board: Board | None) -> tuple[str, ...]:
    size = f"{row.size_bytes / 1e6:.1f}"
    if row.entry is None:
        return (row.name, "-", "-", "-", "-", "-", size, _short(row.fault))
    record = row.entry.record
    key = record.key
    usable = "usable" if (key.tensorrt, key.board) == (tensorrt, board) else "of another TensorRT or board"
    return (
        record.bundle,
        f"{record.foresight.candidate} {_kept_ms(record.foresight.tried)}",
        f"{record.action.candidate} {_kept_ms(record.action.tried)}",
        key.tensorrt,
        f"{key.board.model or key.board.device} {key.board.l4t}".strip(),
        record.created,
        size,
        "not judged: no TensorRT here" if tensorrt is None else usable,
    )


def _kept_ms(tried: Iterable[Tried]) -> str:
    return next((f"({_ms(one.p50_ms)} ms)" for one in tried if one.outcome == "kept"), "")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WHY_MAX else f"{line[: _WHY_MAX - 4]} ..."


def _table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
