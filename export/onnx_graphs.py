"""torch -> ONNX: the two graphs of a policy, static shapes, checked against torch on real inputs."""

from __future__ import annotations

import logging
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from export.module_names import name_by_module
from interfaces.errors import BundleError

OPSET = 20
# fp32 ONNX Runtime against fp32 torch; more means a different computation, not rounding. Of the largest output, or of 1 where all are
# smaller: a deep network's outputs of 3 were off by 1.1e-4, of which torch's own rounding, held against float64, was 2.7e-5.
AGREEMENT_MAX_RATIO = 1e-4

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A network to export, the names of its inputs in order, and of its one output."""

    name: str
    network: nn.Module
    inputs: tuple[str, ...]
    output: str


def run_torch(graph: Graph, samples: Arrays) -> NDArray[np.float32]:
    """Return the network's outputs on samples, each with a leading sample axis."""
    n_samples = len(samples[graph.inputs[0]])
    with torch.no_grad():
        rows = [graph.network(*(torch.tensor(samples[name][i]) for name in graph.inputs)) for i in range(n_samples)]
    return torch.stack(rows).numpy()


def export_graph(graph: Graph, samples: Arrays, path: Path) -> NDArray[np.float32]:
    """Write the graph to `path`, and return torch's outputs on the samples.

    Raises BundleError when ONNX Runtime disagrees with torch by more than 1e-4 of the largest output (of 1, where all are smaller).
    """
    wanted = run_torch(graph, samples)
    _export(graph, samples, path)
    strip_traces(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    limit = AGREEMENT_MAX_RATIO * max(1.0, float(np.abs(wanted).max()))
    for index, reference in enumerate(wanted):
        got = np.asarray(session.run(None, {name: np.asarray(samples[name][index]) for name in graph.inputs})[0])
        worst = float(np.abs(got - reference).max())
        if not worst <= limit:
            raise BundleError(
                f"{graph.name}: ONNX differs from torch by {worst:.2e} on sample {index}, at most {limit:.1e} is allowed"
            )
    return wanted


def _export(graph: Graph, samples: Arrays, path: Path) -> None:
    example = tuple(torch.tensor(samples[name][0]) for name in graph.inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        for talker in ("torch.onnx", "onnxscript"):
            logging.getLogger(talker).setLevel(logging.ERROR)
        try:
            torch.onnx.export(
                graph.network.eval(), example, str(path), input_names=list(graph.inputs), output_names=[graph.output],
                opset_version=OPSET, dynamo=True, external_data=False, verbose=False,
            )  # fmt: skip
        except torch.onnx.OnnxExporterError as error:
            raise BundleError(f"{graph.name}: torch cannot export it: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return what lies at the bottom of the exporter's chain of errors, and the node it was about: its own text fills a screen."""
    about, cause = "", error
    while cause.__cause__ is not None:
        cause = cause.__cause__
        if node := re.search(r"translating node (%\S+)", str(cause)):
            about = f"{node.group(1)}: "
    return f"{about}{str(cause).splitlines()[0] or type(cause).__name__}"


def strip_traces(path: Path) -> None:
    """Take out of a graph where its exporter ran: stack traces with the folders of the machine. The modules' names stay."""
    model = onnx.load(path)
    name_by_module(model)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    onnx.save(model, path)
