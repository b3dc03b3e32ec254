"""How long the action graph of a trained policy takes: fp32, one thread, alone, on the inputs that its bundle carries."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.latency.durations import durations_ms
from bench.latency.engines import open_graph
from interfaces.bundle_manifest import load_manifest
from interfaces.durable import write_whole
from interfaces.errors import ConfigError
from interfaces.graph_contract import ACTION_GRAPH
from runtime.policy.bundle import read_verified
from runtime.policy.parity import read_parity

LATENCY_FILE = "latency.json"
RUNS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionLatency:
    """Of one bundle's action graph."""

    min_ms: float  # what else runs on the machine can only make it longer
    p50_ms: float
    p99_ms: float


def write_latency(bundle: Path, path: Path, runs: int = RUNS) -> None:
    """Measure a bundle's action graph and write what was found, whole or not at all. Raises BundleError and OSError."""
    manifest = load_manifest(bundle)
    engine = open_graph(bundle, manifest, "fp32", ACTION_GRAPH, threads=1)
    parity = read_parity(manifest.parity.file, read_verified(bundle, manifest.parity.file, manifest.parity.sha256))
    took_ms = durations_ms(ACTION_GRAPH, engine, parity, runs)
    p50_ms, p99_ms = np.percentile(took_ms, (50, 99))
    found = ActionLatency(min_ms=min(took_ms), p50_ms=float(p50_ms), p99_ms=float(p99_ms))
    write_whole(path, json.dumps(asdict(found), indent=1).encode())


def read_latency(path: Path) -> ActionLatency | None:
    """Return what `write_latency` wrote; None where it has not been measured. Raises ConfigError where it is damaged."""
    if not path.exists():
        return None
    try:
        return ActionLatency(**{key: float(value) for key, value in json.loads(path.read_text("utf-8")).items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            str(path), "file", str(error), "durations of an action graph; delete it to have it made again"
        ) from None
