"""An engine on trial in a process of its own: after one fault of the GPU a process can compute nothing any more.

The process is started with `python -I -m ... FOLDER`, and calls `main` with what opens an engine here; this room does not know it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from export.engines.child import RESULT_FILE, Watch, end_with_parent, run_child, tell_parent
from export.engines.trial import Latency, OpenPlan, TrialRequest, TrialResult, try_out
from export.engines.trial_job import JOB_FILE, TrialJob, TrialOutcome
from interfaces.durable import write_whole
from interfaces.errors import DeviceError, ForerunError
from interfaces.toml_loader import load_toml
from interfaces.toml_writer import to_toml


def run_trial(request: TrialRequest, folder: Path, watch: Watch) -> TrialResult:
    """Return what an engine does, tried in `folder` by a process of its own.

    Raises DeviceError with what went wrong there, also where it crashed or took too long; OSError where it cannot be started.
    """
    for name, arrays in request.inputs.items():
        wanted = {tensor.name: arrays[tensor.name] for tensor in request.spec.inputs}
        np.savez(folder / _inputs(name), allow_pickle=False, **wanted)
    job = TrialJob(
        name=request.name,
        graph=request.graph,
        plan=str(request.plan),
        spec=request.spec,
        sets=tuple(request.inputs),
        timed=request.timed,
        timing=request.timing,
    )
    write_whole(folder / JOB_FILE, to_toml(job).encode(), 0o600)
    try:
        run_child(f"{request.name} on trial", folder, watch)
    finally:
        for name in request.inputs:
            (folder / _inputs(name)).unlink()  # a hundred megabytes of pictures, for every candidate
    outcome = load_toml(folder / RESULT_FILE, TrialOutcome)
    if outcome.refused:
        raise DeviceError(outcome.refused)
    answers = {name: np.load(folder / _answers(name), allow_pickle=False) for name in request.inputs}
    latency = Latency(outcome.runs, outcome.p50_ms, outcome.p99_ms) if request.timed else None
    return TrialResult(answers, latency)


def main(folder: Path, open_plan: OpenPlan) -> int:
    """In the child: do what the job in the folder says, and leave what came of it beside it."""
    import time

    end_with_parent()
    job = load_toml(folder / JOB_FILE, TrialJob)
    request = TrialRequest(
        name=job.name,
        graph=job.graph,
        plan=Path(job.plan),
        spec=job.spec,
        inputs={name: dict(np.load(folder / _inputs(name), allow_pickle=False)) for name in job.sets},
        timed=job.timed,
        timing=job.timing,
    )
    try:
        result = try_out(request, open_plan, time.monotonic_ns, tell_parent)
    except ForerunError as error:
        _leave(folder, TrialOutcome(refused=str(error)))
        return 0
    for name, answers in result.answers.items():
        np.save(folder / _answers(name), answers, allow_pickle=False)
    timed = result.latency or Latency(0, 0.0, 0.0)
    _leave(folder, TrialOutcome(refused="", runs=timed.runs, p50_ms=timed.p50_ms, p99_ms=timed.p99_ms))
    return 0


def _leave(folder: Path, outcome: TrialOutcome) -> None:
    write_whole(folder / RESULT_FILE, to_toml(outcome).encode(), 0o600)


def _inputs(name: str) -> str:
    return f"{name}.inputs.npz"


def _answers(name: str) -> str:
    return f"{name}.answers.npy"
