"""A whole comparison: the contenders of a bundle and whoever else comes, on the bundle's real inputs, with the memory of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.latency.contender import Contender, Rows, require_same
from bench.latency.engines import bundle_contenders, open_graph
from bench.latency.gpu_engines import gpu_contenders
from bench.latency.inputs import rows_by_graph
from bench.latency.memory import grown_bytes
from bench.latency.report import Memory, memory_key
from bench.latency.round_robin import Measured, measure
from bench.latency.surroundings import Surroundings, Watch
from interfaces.bundle_artefact import Precision
from interfaces.bundle_manifest import BundleManifest
from interfaces.errors import DeviceError
from interfaces.graph_contract import FORESIGHT_GRAPH, GRAPHS
from interfaces.progress import Progress
from runtime.policy.bundle import read_manifest, verify_files

SAME_MAX_ABS = 2e-3  # between libraries in fp32; another policy is off by orders of magnitude more


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Everything that takes part, by graph."""

    manifest: BundleManifest
    contenders: dict[str, list[Contender]]
    rows: dict[str, Rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of it."""

    measured: list[Measured]
    memory: Memory
    surroundings: Surroundings
    troubles: tuple[str, ...]  # why some memory is not known


def field_of(folder: Path, precisions: Sequence[Precision] | None, threads: int) -> Field:
    """Return the contenders that a bundle brings, of all its artefacts where no precisions are asked for, and the engines built of it here.

    Raises ConfigError and BundleError where the bundle is not what its manifest says, or has no such artefact.
    """
    manifest = read_manifest(folder)
    verify_files(folder, manifest)
    asked = precisions or [artefact.precision for artefact in manifest.artefacts]
    tokens_from = "fp32" if "fp32" in [artefact.precision for artefact in manifest.artefacts] else asked[0]
    return Field(
        manifest=manifest,
        contenders={
            graph: bundle_contenders(folder, manifest, graph, asked, threads) + gpu_contenders(folder, manifest, graph)
            for graph in GRAPHS
        },
        rows=rows_by_graph(folder, manifest, open_graph(folder, manifest, tokens_from, FORESIGHT_GRAPH, threads)),
    )


def compare(field: Field, runs: int, progress: Progress | None = None) -> Comparison:
    """Return the figures of all contenders; raises RefusedError where those in fp32 do not compute the same."""
    measured: list[Measured] = []
    watch = Watch()
    for graph, contenders in field.contenders.items():
        require_same(contenders, field.rows[graph], SAME_MAX_ABS)
        measured += measure(contenders, field.rows[graph], runs, progress)
    surroundings = watch.seen()  # before the memory, whose processes are a load of their own
    everybody = [contender for contenders in field.contenders.values() for contender in contenders]
    memory: dict[tuple[str, str, str], int] = {}
    troubles: list[str] = []
    for done, contender in enumerate(everybody, start=1):
        try:
            memory[memory_key(contender)] = grown_bytes(contender.memory_command)
        except DeviceError as error:
            troubles.append(f"{contender.graph}, {contender.name}: {error}")
        if progress is not None:
            progress(done, len(everybody), "memory")
    return Comparison(measured=measured, memory=memory, surroundings=surroundings, troubles=tuple(troubles))
