"""Runs a policy's two graphs as the runtime does: the action graph gets the tokens of the very foresight graph beside it.

A quantised foresight is judged by what the quantised action makes of it, not by what a perfect one would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.gates.figures import Comparison, Figures
from interfaces.engine import Engine, Tensors
from interfaces.graph_contract import POSITIONS, TOKENS
from interfaces.progress import Progress, silent
from interfaces.sample_file import Samples


@dataclass(frozen=True, slots=True)
class EnginePair:
    """Both graphs of a policy, ready to run."""

    foresight: Engine
    action: Engine

    def run(self, sample: Tensors) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return tokens and positions of one sample: a frame, and all inputs of both graphs but the tokens."""
        tokens = np.array(self.foresight.run(_inputs(self.foresight, sample))[TOKENS])
        positions = self.action.run(_inputs(self.action, {**sample, TOKENS: tokens}))[POSITIONS]
        return tokens, np.array(positions)


def outputs(pair: EnginePair, samples: Samples, progress: Progress = silent) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return tokens (sample, ...) and positions (sample, row, joint) of all samples; raises as `measure`."""
    total = len(next(iter(samples.values())))
    found: list[tuple[NDArray[Any], NDArray[Any]]] = []
    for index in range(total):
        found.append(pair.run({name: values[index, ...] for name, values in samples.items()}))
        progress(index + 1, total, f"frame {index + 1} of {total}")
    tokens, positions = zip(*found, strict=True)
    return np.stack(tokens), np.stack(positions)


def measure(
    reference: EnginePair,
    candidate: EnginePair,
    samples: Samples,
    joints: tuple[str, ...],
    progress: Progress = silent,
) -> Figures:
    """Return how far the candidate is from the reference on all samples; raises DeviceError naming the input that is missing."""
    comparison = Comparison(joints)
    total = len(next(iter(samples.values())))
    for index in range(total):
        sample = {name: values[index, ...] for name, values in samples.items()}
        comparison.add(*reference.run(sample), *candidate.run(sample))
        progress(index + 1, total, f"frame {index + 1} of {total}")
    return comparison.figures()


def _inputs(engine: Engine, sample: Tensors) -> Tensors:
    return {tensor.name: sample[tensor.name] for tensor in engine.spec.inputs if tensor.name in sample}
