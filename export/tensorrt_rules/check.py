"""The whole check of a graph."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import ModelProto

from export.tensorrt_rules.finding import Finding
from export.tensorrt_rules.graph_view import GraphView
from export.tensorrt_rules.model_rules import model_rules, node_rules
from export.tensorrt_rules.operator_rules import operator_rules
from export.tensorrt_rules.quantisation_rules import quantisation_rules
from export.tensorrt_rules.type_rules import type_rules
from interfaces.errors import BundleError

_SHOWN = 8


def check_graph(model: ModelProto, folder: Path | None = None) -> list[Finding]:
    """Return all that TensorRT 10.3 would refuse in a graph, or compute wrongly; an empty list when there is nothing.

    `folder` is where the external data of a graph above 2 GB lies, which need not be loaded.
    """
    view = GraphView(model, folder)
    findings = list(model_rules(view))
    for node in view.nodes:
        for rules in (node_rules, operator_rules, type_rules, quantisation_rules):
            findings += rules(view, node)
    return findings


def check_file(path: Path) -> list[Finding]:
    """Return what `check_graph` finds in a file; raises BundleError when it is not an ONNX graph."""
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}; expected a readable ONNX graph") from error
    except Exception as error:  # protobuf's own, which has no public home
        if type(error).__name__ != "DecodeError":
            raise
        raise BundleError(f"{path}: {error}; expected an ONNX graph") from error
    return check_graph(model, path.parent)


def require_accepted(model: ModelProto, what: str, folder: Path | None = None) -> None:
    """Refuse a graph that TensorRT 10.3 would not take; raises BundleError with every reason, `what` names the graph."""
    findings = check_graph(model, folder)
    if findings:
        more = f"\n  and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
        lines = "".join(f"\n  {finding}" for finding in findings[:_SHOWN])
        raise BundleError(f"{what}: not a graph for TensorRT 10.3:{lines}{more}")
