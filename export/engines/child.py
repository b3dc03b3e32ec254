"""A process of its own for what may crash or hang: its progress passed on, its last words kept, and its end certain.

It tells how far it is on standard output, a line `progress <done> <total> <text>` each, and leaves a result file in its folder as the
last thing it does. A terminal's Ctrl-C does not reach it; it ends with whoever started it, because its standard input closes.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interfaces.errors import DeviceError
from interfaces.progress import Progress

RESULT_FILE = "result.toml"
TIME_MAX_S = 3600.0  # a large network takes a quarter of an hour on the smallest board; what takes this long hangs

_LOOK_S = 1.0  # how often the time is told where the child says nothing
_OUTPUT_FILE = "output"  # what libraries write by themselves
_LAST_LINES = 5
_PROGRESS = "progress"
_PROGRESS_LINE = re.compile(rf"{_PROGRESS} (\d+) (\d+) (.*)")
_ORPHANED = 3  # exit status


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a child is started and followed."""

    command: tuple[str, ...]  # its folder is added
    progress: Progress
    clock_ns: Callable[[], int]
    time_max_s: float = TIME_MAX_S


def run_child(name: str, folder: Path, watch: Watch) -> None:
    """Run a child to its end; `name` says in messages what it does.

    Raises DeviceError where it ends without a result, or takes too long; OSError where it cannot be started.
    """
    result = folder / RESULT_FILE
    result.unlink(missing_ok=True)
    with (folder / _OUTPUT_FILE).open("wb") as output:
        process = subprocess.Popen(
            (*watch.command, str(folder)),
            stdin=subprocess.PIPE,  # closes when this process dies, however it does
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        _follow(process.stdout.fileno(), name, watch)
        status = process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
    if not result.exists():
        raise DeviceError(f"{name}: its process {_ending(status)}{_last_words(folder)}")


def tell_parent(done: int, total: int, text: str) -> None:
    """In the child: tell how far it is."""
    sys.stdout.write(f"{_PROGRESS} {done} {total} {' '.join(text.split())}\n")
    sys.stdout.flush()


def end_with_parent() -> None:
    """In the child: end at once when whoever started it is gone."""
    threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    while os.read(0, 1024):
        pass
    os._exit(_ORPHANED)


def _follow(pipe_fd: int, name: str, watch: Watch) -> None:
    """Pass on how far it is until it ends; raises DeviceError when that takes too long."""
    t_start_ns = watch.clock_ns()
    partial, done, total, phase = b"", 0, 1, ""
    while True:
        readable, _, _ = select.select([pipe_fd], [], [], _LOOK_S)
        data = os.read(pipe_fd, 65536) if readable else b""
        if readable and not data:
            return
        *lines, partial = (partial + data).split(b"\n")
        for line in lines:
            told = _PROGRESS_LINE.fullmatch(line.decode(errors="replace"))
            if told:  # libraries write there, too
                done, total, phase = int(told[1]), int(told[2]), told[3]
        passed_s = (watch.clock_ns() - t_start_ns) * 1e-9
        if passed_s > watch.time_max_s:
            raise DeviceError(f"{name}: not done after {watch.time_max_s:.0f} s; given up")
        watch.progress(done, total, f"{phase}, {passed_s:.0f} s" if phase else f"{passed_s:.0f} s")


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"crashed: {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def _last_words(folder: Path) -> str:
    lines = (folder / _OUTPUT_FILE).read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f"; it said last: {' | '.join(said[-_LAST_LINES:])}" if said else ""
