"""Makes the graphs of one precision after the other from the fp32 ones; what is measured for one of them serves the next."""

from __future__ import annotations

import filecmp
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from onnx import ModelProto

from export.gates.limits import Limits
from export.quantise.blocks import Layout, blocks_of
from export.quantise.fp16_range import activation_peaks, keep_in_fp32, near_overflow
from export.quantise.graph_files import read_graph, write_graph
from export.quantise.graph_run import GraphRun
from export.quantise.half import to_half
from export.quantise.search import search
from export.quantise.sensitivity import Sensitivity, frames_to_judge, measure_sensitivity
from export.quantise.units import units_of
from export.quantise.variants import PolicyGraphs, Variants, measure_policy
from export.sensitivity_report import write_sensitivity
from export.tensorrt_rules.check import require_accepted
from interfaces.bundle_artefact import Precision
from interfaces.graph_contract import FORESIGHT_GRAPH, GRAPHS, TOKENS
from interfaces.progress import StartStage
from interfaces.sample_file import Samples

_PEAK_SAMPLES = (
    128  # at most; the largest value hardly grows with more, and export/quantise/fp16_range.py leaves room for it
)

Paths = Mapping[str, Path]  # by graph


@dataclass(frozen=True, slots=True)
class _Judged:
    """A layout, and what each of its units costs alone."""

    variants: Variants
    sensitivities: tuple[Sensitivity, ...]


@dataclass(frozen=True, kw_only=True)  # no slots: cached properties
class Maker:
    """The fp32 graphs of a policy, and what is known of them."""

    name: str
    fp32: Paths
    joints: tuple[str, ...]
    calibration: Samples
    heldout: Samples
    pinned: Collection[str]
    start_stage: StartStage
    threads: int
    documents: dict[str, Path] = field(default_factory=dict[str, Path])  # what people read about the search, by name
    _judged: dict[Layout, _Judged] = field(default_factory=dict[Layout, _Judged])

    def make(self, precision: Precision, limits: Limits, folder: Path) -> Paths:
        """Write both graphs in a precision to `folder` and return where they are.

        Raises BundleError where TensorRT would refuse one that is meant for it, ConfigError for a pinned block that there is not.
        """
        if precision == "fp16":
            models = {graph: self._in_half(graph, self._models[graph]) for graph in GRAPHS}
        elif precision == "cpu-int8" or precision == "trt-int8":
            models = self._quantised(precision, limits, folder)
        else:
            models = self._models
        return {
            graph: _write(model, folder / f"{graph}.{precision}.onnx", precision) for graph, model in models.items()
        }

    def _quantised(self, layout: Layout, limits: Limits, folder: Path) -> dict[str, ModelProto]:
        if layout not in self._judged:
            self._judged[layout] = self._judge(layout)
        judged = self._judged[layout]
        found = search(
            judged.variants, judged.sensitivities, limits, self.start_stage(f"{layout}: what may be integers")
        )
        for document in write_sensitivity(folder, self.name, judged.sensitivities, found, limits):
            self.documents[document] = folder / document
        models: dict[str, ModelProto] = dict(zip(GRAPHS, judged.variants.models(found.quantised), strict=True))
        if layout == "cpu-int8":
            return models
        return {graph: self._in_half(graph, model) for graph, model in models.items()}

    def _judge(self, layout: Layout) -> _Judged:
        # With float32 around the integers: FP16 there costs a hundredth of what they do, and a processor much time.
        variants = self._variants.sibling(layout)
        units = units_of({graph: blocks_of(self._models[graph], layout) for graph in GRAPHS}, self.pinned)
        progress = self.start_stage(f"{layout}: what each block costs")
        frames = frames_to_judge(units, variants.frames)
        return _Judged(variants, measure_sensitivity(variants, units, frames, progress))

    def _in_half(self, graph: str, model: ModelProto) -> ModelProto:
        return to_half(model, self._kept[graph])

    @cached_property
    def _models(self) -> dict[str, ModelProto]:
        return {graph: read_graph(self.fp32[graph]) for graph in GRAPHS}

    @cached_property
    def _policy(self) -> PolicyGraphs:
        foresight, action = (self._models[graph] for graph in GRAPHS)
        progress = self.start_stage("ranges of the activations")
        return measure_policy(foresight, action, self.joints, self.calibration, progress)

    @cached_property
    def _variants(self) -> Variants:
        return Variants(self._policy, "cpu-int8", self.heldout, threads=self.threads)

    @cached_property
    def _kept(self) -> dict[str, frozenset[str]]:
        """The nodes that FP16 has no range for."""
        count = len(next(iter(self.calibration.values())))
        some = {name: rows[:: -(-count // _PEAK_SAMPLES)] for name, rows in self.calibration.items()}
        some[TOKENS] = GraphRun(self._models[FORESIGHT_GRAPH], threads=self.threads).run(some)[TOKENS]
        kept: dict[str, frozenset[str]] = {}
        for graph, model in self._models.items():
            progress = self.start_stage(f"largest values of the {graph} graph")
            peaks = activation_peaks(model, some, progress, threads=self.threads)
            kept[graph] = keep_in_fp32(near_overflow(model, peaks))
        return kept


def _write(model: ModelProto, path: Path, precision: Precision) -> Path:
    """Write a graph, and return where it is: with an earlier artefact, if nothing of it became different."""
    if precision != "cpu-int8":
        require_accepted(model, path.name)
    path.unlink(missing_ok=True)
    earlier = sorted(path.parent.glob(f"{path.name.partition('.')[0]}.*.onnx"))
    if write_graph(model, path) is None:
        for other in earlier:
            if filecmp.cmp(other, path, shallow=False):
                path.unlink()
                return other
    return path
