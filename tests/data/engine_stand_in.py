"""Stands in for TensorRT in tests of `forerun build`: ONNX Runtime runs what the children build, in processes of their own as there.

As a program: `python -m tests.data.engine_stand_in build|hang|trial FOLDER` is such a child, and `... forerun hang ARGUMENTS` is
forerun itself on a machine that has it, whose builder hangs.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from export.engines.build_job import JOB_FILE, PLAN_FILE, TIMING_FILE, BuildJob, BuildResult, write_result
from export.engines.cache_changes import Bench
from export.engines.child import end_with_parent, tell_parent
from export.engines.trial_process import main as try_engine
from export.engines.workshop import Workshop
from interfaces.bundle_manifest import GraphSpec
from interfaces.engine import Engine
from interfaces.engine_record import Board, BuildSettings, EngineKey
from interfaces.toml_loader import load_toml
from runtime.policy.open_engine import open_engine

TENSORRT = "10.3.0"
ORIN = Board(device="Orin", compute_capability="8.7", model="NVIDIA Jetson Orin Nano", l4t="36.4.3")
LEARNT = b"what a build learns"

_PROGRAM = "import sys; sys.path.insert(0, {root!r}); from tests.data.engine_stand_in import main; sys.exit(main(sys.argv[1:]))"


def program(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs this file as a program."""
    return (sys.executable, "-I", "-c", _PROGRAM.format(root=str(Path(__file__).parents[2])), *arguments)


def put_in(patch: Callable[[str, object], None], builder: str = "build") -> None:
    """Let `forerun build` find an Orin here; `patch` sets an attribute by its path."""

    def workshop(bench: Bench, key: EngineKey, settings: BuildSettings) -> Workshop:
        return Workshop(
            module="tensorrt",
            capability="",
            settings=settings,
            key=key,
            bench=bench,
            clock_ns=time.monotonic_ns,
            trial_command=program("trial"),
            build_command=program(builder),
        )

    patch("forerun.build._machine", lambda: (TENSORRT, ORIN))
    patch("forerun.build._workshop", workshop)


def main(arguments: list[str]) -> int:
    """Be the program that the first argument says."""
    what, rest = arguments[0], arguments[1:]
    if what == "trial":
        return try_engine(Path(rest[0]), _open_plan)
    if what == "forerun":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, however the tests were started
        return _forerun(rest[0], rest[1:])
    return _build(Path(rest[0]), hang=what == "hang")


def _build(folder: Path, *, hang: bool) -> int:
    """Take the graph for the engine."""
    end_with_parent()
    job = load_toml(folder / JOB_FILE, BuildJob)
    tell_parent(1, 2, "thinking")
    if hang and job.name == "action fp16":
        time.sleep(600)
    (folder / PLAN_FILE).write_bytes(Path(job.graph).read_bytes())
    (folder / TIMING_FILE).write_bytes(LEARNT)
    write_result(folder, BuildResult(refused="no kernel for it" if job.settings.memory_mb == 13 else ""))
    return 0


def _open_plan(plan: bytes, graph: str, spec: GraphSpec) -> Engine:
    return open_engine(plan, graph, spec, 1)


def _forerun(builder: str, arguments: list[str]) -> int:
    import importlib

    from forerun.__main__ import main as forerun

    def patch(path: str, value: object) -> None:
        module, _, name = path.rpartition(".")
        setattr(importlib.import_module(module), name, value)

    put_in(patch, builder)
    return forerun(arguments)
