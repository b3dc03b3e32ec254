"""One engine built in a process of its own, watched from here: a builder that crashes or hangs costs one candidate, not the command."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from export.engines.build_job import PLAN_FILE, PROGRESS, RESULT_FILE, BuildJob, BuildResult, write_job
from export.engines.builder_voice import Progress
from interfaces.errors import BundleError, DeviceError
from interfaces.toml_loader import load_toml

BUILD_COMMAND = (sys.executable, "-I", "-m", "export.engines.build_main")
TIME_MAX_S = 3600.0  # a large network takes a quarter of an hour on the smallest board; one that takes this long hangs

_LOOK_S = 1.0  # how often the time is told where the builder says nothing
_OUTPUT_FILE = "output"  # what libraries write by themselves
_LAST_LINES = 5
_PROGRESS_LINE = re.compile(rf"{PROGRESS} (\d+) (\d+) (.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a build is followed."""

    progress: Progress
    clock_ns: Callable[[], int]
    command: tuple[str, ...] = BUILD_COMMAND
    time_max_s: float = TIME_MAX_S


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
    status = _run(job, folder, watch, t_start_ns)
    build_s = (watch.clock_ns() - t_start_ns) * 1e-9
    if not (folder / RESULT_FILE).exists():
        raise DeviceError(f"{job.name}: the builder {_ending(status)}{_last_words(folder)}")
    result = load_toml(folder / RESULT_FILE, BuildResult)
    if result.refused:
        raise BundleError(result.refused)
    return BuildOutcome(folder / PLAN_FILE, result, build_s)


def _run(job: BuildJob, folder: Path, watch: Watch, t_start_ns: int) -> int:
    """Run the process to its end, and return its exit status; it never outlives this call."""
    with (folder / _OUTPUT_FILE).open("wb") as output:
        process = subprocess.Popen(
            (*watch.command, str(folder)),
            stdin=subprocess.PIPE,  # closes when this process dies, however it does
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,  # a terminal's Ctrl-C reaches only this process
        )
    try:
        assert process.stdout is not None
        _follow(process.stdout.fileno(), job, watch, t_start_ns)
        return process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _follow(pipe_fd: int, job: BuildJob, watch: Watch, t_start_ns: int) -> None:
    """Pass on how far it is until it ends; raises DeviceError when that takes too long."""
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
            raise DeviceError(f"{job.name}: not built after {watch.time_max_s:.0f} s; given up")
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
