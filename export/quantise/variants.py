"""Variants of a policy with some blocks in INT8, judged as the runtime runs them: foresight -> tokens -> action."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from export.gates.figures import Figures, compare
from export.quantise.blocks import Layout
from export.quantise.graph_run import GraphRun
from export.quantise.layouts import quantise
from export.quantise.ranges import Ranges, measure_ranges
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, POSITIONS, TOKENS
from interfaces.progress import Progress
from interfaces.sample_file import Samples

Finish = Callable[
    [str, ModelProto], ModelProto
]  # (graph's name, quantised graph) -> what is shipped, such as its FP16 form


class BlockId(NamedTuple):
    """A block of one of the two graphs."""

    graph: str
    block: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGraphs:
    """A policy's float32 graphs, and the ranges of their activations."""

    foresight: ModelProto
    action: ModelProto
    foresight_ranges: Ranges
    action_ranges: Ranges
    joints: tuple[str, ...]


def measure_policy(
    foresight: ModelProto, action: ModelProto, joints: tuple[str, ...], calibration: Samples, progress: Progress
) -> PolicyGraphs:
    """Return the policy with its ranges over calibration samples: every input of both graphs but the tokens between them."""
    foresight_ranges = measure_ranges(foresight, calibration, progress)
    tokens = GraphRun(foresight).run(calibration)[TOKENS]
    return PolicyGraphs(
        foresight=foresight,
        action=action,
        foresight_ranges=foresight_ranges,
        action_ranges=measure_ranges(action, {**calibration, TOKENS: tokens}, progress),
        joints=joints,
    )


class Variants:
    """Makes variants of a policy in one layout, and compares what they do on held-out samples with the float32 policy."""

    def __init__(
        self,
        policy: PolicyGraphs,
        layout: Layout,
        heldout: Mapping[str, NDArray[Any]],
        *,
        finish: Finish | None = None,
        threads: int = 1,
    ) -> None:
        """Run the float32 policy on the held-out samples; `finish` is applied to every graph before it is judged."""
        self.policy: PolicyGraphs = policy
        self.layout: Layout = layout
        self._finish, self._threads = finish, threads
        self._heldout = dict(heldout)
        self._tokens = GraphRun(policy.foresight, threads=threads).run(self._heldout)[TOKENS]
        told = {**self._heldout, TOKENS: self._tokens}
        self._positions = GraphRun(policy.action, threads=threads).run(told)[POSITIONS]

    def sibling(self, layout: Layout, *, finish: Finish | None = None) -> Variants:
        """Return the same in another layout, without running the float32 policy once more."""
        other = copy(self)
        other.layout, other._finish = layout, finish  # noqa: SLF001 - of its own kind
        return other

    @property
    def frames(self) -> int:
        """Return the number of held-out frames."""
        return len(self._positions)

    def models(self, quantised: Collection[BlockId]) -> tuple[ModelProto, ModelProto]:
        """Return foresight and action graph with these blocks in INT8."""
        return self._model(FORESIGHT_GRAPH, quantised), self._model(ACTION_GRAPH, quantised)

    def figures(self, quantised: Collection[BlockId], frames: Sequence[int] | None = None) -> Figures:
        """Return how far the policy with these blocks in INT8 is off, on all held-out frames or on some.

        Frames that are not run count as exact, so that ranges, frame numbers and limits mean the same however many are run.
        """
        rows = np.arange(self.frames) if frames is None else np.asarray(frames, np.intp)
        given = {name: values[rows] for name, values in self._heldout.items()}
        tokens, positions = self._tokens.copy(), self._positions.copy()
        if self._finish is not None or any(one.graph == FORESIGHT_GRAPH for one in quantised):
            tokens[rows] = self._run(FORESIGHT_GRAPH, quantised, given)[TOKENS]
        positions[rows] = self._run(ACTION_GRAPH, quantised, {**given, TOKENS: tokens[rows]})[POSITIONS]
        return compare(self._tokens, self._positions, tokens, positions, self.policy.joints)

    def _run(self, graph: str, quantised: Collection[BlockId], samples: Samples) -> Samples:
        # TensorRT computes Q/DQ as written; ONNX Runtime's integer kernels are what runs a cpu-int8 graph, with their own rounding.
        integer_kernels = self.layout == "cpu-int8"
        model = self._model(graph, quantised)
        return GraphRun(model, threads=self._threads, integer_kernels=integer_kernels).run(samples)

    def _model(self, graph: str, quantised: Collection[BlockId]) -> ModelProto:
        policy = self.policy
        if graph == FORESIGHT_GRAPH:
            model, ranges = policy.foresight, policy.foresight_ranges
        else:
            model, ranges = policy.action, policy.action_ranges
        names = sorted(one.block for one in quantised if one.graph == graph)
        if names:
            model = quantise(model, ranges, self.layout, names)
        return model if self._finish is None else self._finish(graph, model)
