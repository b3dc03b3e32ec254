"""The engine that runs a graph on this machine: ONNX Runtime today, TensorRT beside it later."""

from __future__ import annotations

from pathlib import Path

from interfaces.bundle_manifest import GraphSpec
from interfaces.engine import Engine


def open_engine(graph: bytes | Path, name: str, spec: GraphSpec, threads: int) -> Engine:
    """Return an engine for the ONNX `graph`; raises BundleError when it is not one, or differs from `spec`.

    `graph` is its bytes, or the path of one with weights in a file beside it; `name` is for messages; `threads` bounds the
    processor cores one run may take.
    """
    # Imported on use: stages and their tests need the Protocol, not the library behind it.
    from runtime.policy.onnx_engine import OnnxEngine

    return OnnxEngine(graph, name, spec, threads)
