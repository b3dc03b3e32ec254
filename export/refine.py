"""From a bundle in fp32 to one in several precisions: each quantised, searched, checked for TensorRT, and gated on held-out frames.

    fp32 graphs + calibration samples -> ranges -> sensitivity and search -> Q/DQ -> FP16 -> static check -> gates -> closed loop

An artefact whose gate fails stays in the bundle as what it is, not `ready`: people look for its fault there, and no robot runs it.
What needs the runtime or the simulator is handed in (export imports neither): how a graph is opened, played and timed.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from numpy.typing import NDArray

from export.artefacts import Maker, Paths
from export.bundle_writer import graph_file, hashed_file, replace_folder, write_manifest
from export.gates.closed_loop import Outcomes, judge_closed_loop
from export.gates.end_to_end import EnginePair, outputs
from export.gates.figures import Figures, compare
from export.gates.judge import all_passed, judge, skipped
from export.gates.limits import CLOSED_LOOP, Limits, limits_of
from export.quantise.blocks import Layout
from export.quantise.graph_files import read_graph, write_graph
from export.quantise.true_rounding import with_true_rounding
from interfaces.bundle_artefact import ON_PROCESSOR, Artefact, Gate, Precision
from interfaces.bundle_manifest import HELDOUT_FILE, BundleManifest, GraphSpec, Provenance, load_manifest
from interfaces.engine import Engine
from interfaces.errors import BundleError
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, files_of
from interfaces.progress import Progress, StartStage
from interfaces.sample_file import Samples, write_samples

OpenEngine = Callable[[Path, GraphSpec], Engine]
Play = Callable[[Path, Precision, Progress], Outcomes]  # the bundle's folder, which of its artefacts
Rank = Callable[[Path, Sequence[Precision]], Sequence[Precision]]  # fastest first, on this machine

# How far a device may be off what was measured here: another processor or TensorRT rounds in another order.
_DEVICE_RATIO = 2.0
_DEVICE_FLOOR = 2e-3  # tokens
_DEVICE_FLOOR_RAD = 1e-3
# What the search judged is not to the last bit what the runtime makes of it; where a gate then fails, it searches once more.
_NARROWER_RATIO = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """What is to be made, on which samples, and who opens, plays and times it."""

    precisions: tuple[Precision, ...]
    calibration: Samples
    heldout: Samples
    pinned: frozenset[str]  # blocks that a person keeps in higher precision, as "foresight/conv_1.0"
    open_engine: OpenEngine
    rank: Rank
    play: Play | str  # a str: why the closed loop cannot be played
    start_stage: StartStage
    threads: int = 1  # of ONNX Runtime, for what is run on many frames
    keep_fp32: bool = True  # False: fp32 is what all is made from and judged by, and stays behind


def refine(source: Path, folder: Path, how: Refinement, provenance: Provenance | None = None) -> BundleManifest:
    """Write the bundle in `source` to `folder` once more, with an artefact for each precision; what is there stays until this is whole.

    `provenance` replaces the source's. Raises BundleError where the source has no fp32 artefact, a sample does not fit its graphs, or
    a graph comes out that TensorRT would refuse; ConfigError for a pinned block that there is not.
    """
    manifest = load_manifest(source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        half = Path(name) / folder.name
        half.mkdir()
        judging = Path(name) / "judging"
        judging.mkdir()
        manifest = replace(manifest, provenance=provenance or manifest.provenance)
        refined = _Refining(source, half, judging, manifest, how).run()
        refined = replace(refined, name=folder.name)
        write_manifest(refined, half)
        replace_folder(half, folder)
    return refined


class _Refining:
    """`half` becomes the bundle; `judging` holds the same as far as a processor can judge it."""

    def __init__(self, source: Path, half: Path, judging: Path, manifest: BundleManifest, how: Refinement) -> None:
        self._half, self._judging, self._manifest, self._how = half, judging, manifest, how
        fp32 = manifest.artefact("fp32")
        for file in (*fp32.foresight.files, *fp32.action.files, manifest.parity):
            shutil.copyfile(source / file.file, half / file.file)
        self._fp32 = replace(fp32, gates=(), ready=True)
        self._paths: dict[Precision, Paths] = {
            "fp32": {graph: half / file.file for graph, file in files_of(fp32).items()}
        }

    def run(self) -> BundleManifest:
        how, half = self._how, self._half
        write_samples(half / HELDOUT_FILE, how.heldout, how.start_stage("packing the held-out frames"))
        maker = Maker(
            name=half.name,
            fp32=self._paths["fp32"],
            joints=self._manifest.joints,
            calibration=how.calibration,
            heldout=how.heldout,
            pinned=how.pinned,
            start_stage=how.start_stage,
            threads=how.threads,
        )
        made = [self._make(maker, precision) for precision in how.precisions]
        manifest = replace(
            self._manifest,
            artefacts=(self._fp32, *made),
            heldout=hashed_file(half / HELDOUT_FILE),
            documents=tuple(map(hashed_file, maker.documents.values())),
        )
        manifest = replace(manifest, artefacts=self._played(manifest))
        write_manifest(manifest, half)
        ranked = self._ranked(manifest.artefacts)
        return replace(manifest, artefacts=ranked if how.keep_fp32 else self._without_fp32(ranked))

    def _without_fp32(self, artefacts: tuple[Artefact, ...]) -> tuple[Artefact, ...]:
        for file in (*self._fp32.foresight.files, *self._fp32.action.files):
            (self._half / file.file).unlink()
        return tuple(one for one in artefacts if one.precision != "fp32")

    def _make(self, maker: Maker, precision: Precision) -> Artefact:
        """Make an artefact and measure its gates; where they fail, make it anew with more left in higher precision."""
        made = self._attempt(maker, precision, limits_of(precision))
        if made.ready or precision not in get_args(Layout):
            return made
        return self._attempt(maker, precision, limits_of(precision).narrowed(_NARROWER_RATIO))

    def _attempt(self, maker: Maker, precision: Precision, limits: Limits) -> Artefact:
        self._paths[precision] = maker.make(precision, limits, self._half)
        figures = self._measure(precision)
        return self._artefact(precision, figures, judge(figures, limits_of(precision)))

    def _measure(self, precision: Precision) -> Figures:
        progress = self._how.start_stage(f"gates of {precision} on held-out frames")
        tokens, positions = outputs(self._pair(precision), self._how.heldout, progress)
        return compare(*self._reference, tokens, positions, self._manifest.joints)

    @cached_property
    def _reference(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Tokens and positions that the fp32 graphs give for the held-out frames."""
        return outputs(self._pair("fp32"), self._how.heldout, self._how.start_stage("fp32 on held-out frames"))

    def _pair(self, precision: Precision) -> EnginePair:
        paths = {graph: self._judged(path) for graph, path in self._paths[precision].items()}
        return EnginePair(
            self._how.open_engine(paths[FORESIGHT_GRAPH], self._manifest.foresight),
            self._how.open_engine(paths[ACTION_GRAPH], self._manifest.action),
        )

    def _judged(self, path: Path) -> Path:
        """Return a graph as a processor is to judge it: where ONNX Runtime would not round as TensorRT does, another file."""
        model = read_graph(path)
        rounded = with_true_rounding(model)
        if rounded is model:
            return path
        write_graph(rounded, self._judging / path.name)
        return self._judging / path.name

    def _artefact(self, precision: Precision, figures: Figures, gates: tuple[Gate, ...]) -> Artefact:
        paths = self._paths[precision]
        return Artefact(
            precision=precision,
            ready=all_passed(gates),
            foresight=graph_file(paths[FORESIGHT_GRAPH]),
            action=graph_file(paths[ACTION_GRAPH]),
            foresight_max_abs=_device_limit(figures.foresight_max_abs.value, _DEVICE_FLOOR),
            action_max_abs_rad=_device_limit(figures.action_max_abs_rad.value, _DEVICE_FLOOR_RAD),
            gates=gates,
        )

    def _played(self, manifest: BundleManifest) -> tuple[Artefact, ...]:
        """Return the artefacts with the gate of the closed loop; those that failed before need not play."""
        play, artefacts = self._how.play, manifest.artefacts
        if isinstance(play, str):
            return tuple(
                one
                if one.precision == "fp32"
                else _with_gate(one, skipped(CLOSED_LOOP, limits_of(one.precision), play))
                for one in artefacts
            )
        candidates = [one for one in artefacts if one.precision != "fp32" and one.ready]
        players: list[Precision] = ["fp32", *(one.precision for one in candidates)]
        self._write_judging(manifest)
        outcomes = {
            precision: play(self._judging, precision, self._how.start_stage(f"closed loop with {precision}"))
            for precision in players
        }
        return tuple(
            _with_gate(one, judge_closed_loop(outcomes["fp32"], outcomes[one.precision], _limits(one)))
            if one in candidates
            else one
            for one in artefacts
        )

    def _write_judging(self, manifest: BundleManifest) -> None:
        """Make a whole bundle of what the processor is to judge."""
        for path in self._half.iterdir():
            if not (self._judging / path.name).exists():
                os.link(path, self._judging / path.name)
        artefacts = tuple(
            replace(
                one,
                foresight=graph_file(self._judging / one.foresight.file),
                action=graph_file(self._judging / one.action.file),
            )
            for one in manifest.artefacts
        )
        write_manifest(replace(manifest, artefacts=artefacts), self._judging)

    def _ranked(self, artefacts: tuple[Artefact, ...]) -> tuple[Artefact, ...]:
        """Return the artefacts with those first that a processor may run, fastest first: `auto` takes the first that is ready."""
        may_run: list[Precision] = [one.precision for one in artefacts if one.ready and one.precision in ON_PROCESSOR]
        order = list(self._how.rank(self._half, may_run))
        return tuple(
            sorted(artefacts, key=lambda one: order.index(one.precision) if one.precision in order else len(order))
        )


def _device_limit(measured: float, floor: float) -> float:
    """Return how far a device may be off; of what gave nothing finite, which no robot runs, the least."""
    return max(floor, _DEVICE_RATIO * measured) if math.isfinite(measured) else floor


def _with_gate(artefact: Artefact, gate: Gate) -> Artefact:
    gates = (*artefact.gates, gate)
    return replace(artefact, gates=gates, ready=all_passed(gates))


def _limits(artefact: Artefact) -> Limits:
    return limits_of(artefact.precision)


def require_fit(samples: Samples, what: str, at_least: int) -> None:
    """Refuse too few samples; raises BundleError naming how many there are and how many are needed."""
    count = len(next(iter(samples.values())))
    if count < at_least:
        raise BundleError(f"{what}: {count} samples; needed are at least {at_least}")
