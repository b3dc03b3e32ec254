"""The process that tries one TensorRT engine for `forerun build`: `python -I -m forerun.engine_trial FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from export.engines.trial_process import main
from interfaces.bundle_manifest import GraphSpec
from interfaces.engine import Engine
from interfaces.graph_contract import ACTION_GRAPH


def open_plan(plan: bytes, graph: str, spec: GraphSpec) -> Engine:
    """Return an engine on this machine's GPU, as the runtime opens it. Raises as TensorrtEngine."""
    from runtime.tensorrt.engine import TensorrtEngine

    return TensorrtEngine(plan, graph, spec, urgent=graph == ACTION_GRAPH)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), open_plan))
