"""What engines are judged on: real inputs that the bundle carries, and what its fp32 graphs make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.engines.candidates import BundleSource
from export.engines.trial import Arrays, answers
from interfaces.bundle_artefact import REFERENCES
from interfaces.bundle_manifest import GraphSpec
from interfaces.engine import Engine
from interfaces.errors import ConfigError
from interfaces.graph_contract import TOKENS, parity_key, specs_of
from interfaces.npz_file import read_npz
from interfaces.progress import Progress
from interfaces.sample_file import Samples, check_samples, read_samples

OpenReference = Callable[[Path, str, GraphSpec], Engine]  # an ONNX file, name for messages, tensors; on the processor

_AT_ONCE = 10  # frames between two words of progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Held-out inputs, and the outputs of the fp32 graphs on this machine's processor."""

    samples: Samples
    tokens: NDArray[Any]
    positions: NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Inputs and references of both graphs."""

    specs: dict[str, GraphSpec]
    parity: Arrays  # by parity key
    reference: Reference | None
    why_none: str  # why there is no reference

    def parity_inputs(self, graph: str) -> Arrays:
        """Return the inputs of a graph in the parity file."""
        return {tensor.name: self.parity[parity_key(graph, tensor.name)] for tensor in self.specs[graph].inputs}

    def parity_output(self, graph: str) -> NDArray[Any]:
        """Return torch's outputs on them."""
        return self.parity[parity_key(graph, self.specs[graph].outputs[0].name)]

    def inputs(self, graph: str) -> Arrays:
        """Return as many real inputs of a graph as there are."""
        if self.reference is None:
            return self.parity_inputs(graph)
        return {**self.reference.samples, TOKENS: self.reference.tokens}


def gather_evidence(bundle: BundleSource, open_reference: OpenReference, progress: Progress) -> Evidence:
    """Return the evidence in a bundle; its fp32 graphs, or fp16 where it has none, are run on its held-out frames, which takes a while.

    Raises ConfigError naming what is damaged or does not fit, BundleError, DeviceError, OSError.
    """
    manifest = bundle.manifest
    specs = specs_of(manifest)
    path = bundle.folder / manifest.parity.file
    parity = read_npz(str(path), path.read_bytes())
    _check_parity(str(path), parity, specs)
    artefact = next(filter(None, map(bundle.artefact, REFERENCES)), None)
    if manifest.heldout is None or artefact is None:
        none = "the bundle has neither fp32 nor fp16 graphs"
        why = "the bundle has no held-out frames" if manifest.heldout is None else none
        return Evidence(specs=specs, parity=parity, reference=None, why_none=why)
    path = bundle.folder / manifest.heldout.file
    samples = read_samples(path)
    check_samples(str(path), samples, manifest)
    foresight = open_reference(bundle.folder / artefact.foresight.file, artefact.foresight.file, manifest.foresight)
    tokens = _followed(foresight, samples, "reference of foresight", progress)
    action = open_reference(bundle.folder / artefact.action.file, artefact.action.file, manifest.action)
    positions = _followed(action, {**samples, TOKENS: tokens}, "reference of action", progress)
    reference = Reference(samples=samples, tokens=tokens, positions=positions)
    return Evidence(specs=specs, parity=parity, reference=reference, why_none="")


def _followed(engine: Engine, inputs: Arrays, what: str, progress: Progress) -> NDArray[Any]:
    """Return the outputs on all inputs, telling how far it is."""
    names = [tensor.name for tensor in engine.spec.inputs]
    total = len(inputs[names[0]])
    made: list[NDArray[Any]] = []
    for first in range(0, total, _AT_ONCE):
        made.append(answers(engine, {name: inputs[name][first : first + _AT_ONCE] for name in names}))
        progress(min(first + _AT_ONCE, total), total, what)
    return np.concatenate(made)


def _check_parity(file: str, parity: Arrays, specs: dict[str, GraphSpec]) -> None:
    """Refuse a parity file whose arrays are not the graphs' tensors; raises ConfigError naming the array."""
    counts: set[int] = set()
    for graph, spec in specs.items():
        for tensor in (*spec.inputs, *spec.outputs):
            key = parity_key(graph, tensor.name)
            array = parity.get(key)
            found = "missing" if array is None else f"{array.dtype} {array.shape}"
            if array is None or array.shape[1:] != tensor.shape or str(array.dtype) != tensor.dtype:
                raise ConfigError(file, key, found, f"{tensor.dtype} (sample, {', '.join(map(str, tensor.shape))})")
            counts.add(len(array) if array.ndim else 0)
    if len(counts) != 1 or counts == {0}:
        raise ConfigError(file, "samples", sorted(counts), "as many of every tensor, 1 or more")
