"""Where one bundle is built: from what the ladder chose to the entry in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from export.engines.build_job import TIMING_FILE, BuildJob
from export.engines.build_process import BUILD_COMMAND, BuildOutcome, run_build
from export.engines.cache_changes import Bench, plan_name
from export.engines.candidates import BundleSource, Source
from export.engines.child import TIME_MAX_S, Watch
from export.engines.ladder import Attempt, Climbed
from export.engines.trial import TrialRequest, TrialResult
from export.engines.trial_process import run_trial
from interfaces.bundle_manifest import GraphSpec
from interfaces.engine_cache import Entry
from interfaces.engine_record import RECORD_FORMAT, BuildSettings, EngineKey, EngineRecord, Plan
from interfaces.errors import BundleError
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, GRAPHS, specs_of
from interfaces.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """How engines are built and tried here: in a process each, with what earlier builds learnt."""

    module: str  # tensorrt; tests take tensorrt_rtx_bindings
    capability: str  # of the latter; else empty
    settings: BuildSettings
    key: EngineKey
    bench: Bench
    clock_ns: Callable[[], int]
    trial_command: tuple[str, ...]  # a program that calls export.engines.trial_process.main with what opens an engine
    build_command: tuple[str, ...] = BUILD_COMMAND
    time_max_s: float = TIME_MAX_S

    def build(self, name: str, source: Source, spec: GraphSpec, folder: Path, progress: Progress) -> BuildOutcome:
        """Return an engine, built in `folder`; raises as `run_build`."""
        timing = self.bench.read_timing(self.key.tensorrt, self.key.board)
        if timing:
            (folder / TIMING_FILE).write_bytes(timing)
        job = BuildJob(
            name=name,
            module=self.module,
            capability=self.capability,
            graph=str(source.path.absolute()),
            external=source.external,
            spec=spec,
            settings=self.settings,
        )
        outcome = run_build(job, folder, self._watch(self.build_command, progress))
        learnt = folder / TIMING_FILE
        if learnt.exists():
            # Kept also when the command is given up later: the next one is faster for it.
            self.bench.keep_timing(self.key.tensorrt, self.key.board, learnt.read_bytes())
        return outcome

    def try_out(self, request: TrialRequest, folder: Path, progress: Progress) -> TrialResult:
        """Return what an engine does, tried in `folder`; raises as `run_trial`."""
        return run_trial(request, folder, self._watch(self.trial_command, progress))

    def _watch(self, command: tuple[str, ...], progress: Progress) -> Watch:
        return Watch(command=command, progress=progress, clock_ns=self.clock_ns, time_max_s=self.time_max_s)


def is_built(entry: Entry | None, settings: BuildSettings) -> bool:
    """Return whether there is nothing to do: engines of these settings are there, and their files as they were."""
    if entry is None or entry.record.settings != settings:
        return False
    try:
        for graph in GRAPHS:
            entry.read_plan(graph)
    except BundleError:
        return False
    return True


def keep(bundle: BundleSource, workshop: Workshop, climbed: Climbed, created: str) -> Entry:
    """Put the pair that was kept into the cache, and return its entry. Raises OSError."""
    plans: dict[Path, str] = {}
    described: dict[str, Plan] = {}
    for graph in GRAPHS:
        attempt = climbed.kept[graph]
        path = _path(attempt)
        name, sha256, size = plan_name(graph, path)
        plans[path] = name
        spec = specs_of(bundle.manifest)[graph]
        described[graph] = Plan(
            file=name,
            sha256=sha256,
            size_bytes=size,
            candidate=attempt.candidate.name,
            precision=attempt.candidate.precision,
            parity_max_abs=attempt.limit,
            inputs=spec.inputs,
            outputs=spec.outputs,
            tried=climbed.tried[graph],
        )
    record = EngineRecord(
        format=RECORD_FORMAT,
        bundle=bundle.manifest.name,
        created=created,
        key=workshop.key,
        settings=workshop.settings,
        gates=climbed.gates,
        foresight=described[FORESIGHT_GRAPH],
        action=described[ACTION_GRAPH],
    )
    return workshop.bench.store(record, plans)


def _path(attempt: Attempt) -> Path:
    if attempt.plan is None:
        raise BundleError(f"{attempt.candidate.name} has no plan")
    return attempt.plan
