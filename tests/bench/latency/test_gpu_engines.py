"""Engines that were built for a bundle on this board take part; without a GPU, or without engines, nobody does."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from bench.latency import gpu_engines
from bench.latency.gpu_engines import gpu_contenders, open_on_gpu
from interfaces.bundle_manifest import BundleManifest, GraphSpec, load_manifest
from interfaces.engine import Tensors
from interfaces.engine_cache import Entry
from interfaces.engine_record import Plan
from interfaces.errors import BundleError
from runtime.tensorrt import engine
from runtime.tensorrt.probe import Missing

TINY = Path(__file__).parents[2] / "data/tiny_bundle"


@dataclass
class Opened:
    """A plan that gives back what it was opened with."""

    plan: bytes
    name: str
    spec: GraphSpec
    urgent: bool

    def run(self, inputs: Tensors) -> dict[str, Any]:
        assert set(inputs) == {tensor.name for tensor in self.spec.inputs}
        return {self.spec.outputs[0].name: np.array([self.plan == b"plan of " + self.name.encode(), self.urgent])}


class Cached:
    """An entry of the engine cache."""

    def plan(self, graph: str) -> Plan:
        return Plan(
            file=f"{graph}.plan",
            sha256="0" * 64,
            size_bytes=12,
            candidate="int8",
            precision="int8",
            parity_max_abs=0.1,
            inputs=(),
            outputs=(),
            tried=(),
        )

    def read_plan(self, graph: str) -> bytes:
        return b"plan of " + graph.encode()


@pytest.fixture
def manifest() -> BundleManifest:
    return load_manifest(TINY)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    def found() -> SimpleNamespace:
        return SimpleNamespace(tensorrt="10.3.0", device="Orin", compute_capability="8.7")

    monkeypatch.setattr(gpu_engines, "probe", found)
    monkeypatch.setattr(engine, "TensorrtEngine", Opened)
    return monkeypatch


def test_a_machine_without_gpu_brings_nobody(manifest: BundleManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_engines, "probe", lambda: Missing("no GPU here"))
    assert gpu_contenders(TINY, manifest, "action") == []


def test_a_board_without_engines_brings_nobody(manifest: BundleManifest, gpu: pytest.MonkeyPatch) -> None:
    def none(manifest: BundleManifest, gpu: object) -> None:
        del manifest, gpu

    gpu.setattr(gpu_engines, "find_engines", none)
    assert gpu_contenders(TINY, manifest, "action") == []
    with pytest.raises(BundleError, match="no engines were built for bundle tiny on this board"):
        open_on_gpu(manifest, "action")


@pytest.mark.parametrize(("graph", "urgent"), [("foresight", False), ("action", True)])
def test_an_engine_of_this_board_takes_part(
    graph: str, manifest: BundleManifest, gpu: pytest.MonkeyPatch, *, urgent: bool
) -> None:
    def cached(manifest: BundleManifest, gpu: object) -> Entry:
        del manifest, gpu
        return cast("Entry", Cached())

    gpu.setattr(gpu_engines, "find_engines", cached)
    (contender,) = gpu_contenders(TINY, manifest, graph)
    assert (contender.name, contender.precision, contender.file_bytes) == ("TensorRT, int8", "int8 plan", 12)
    assert contender.memory_command[3:5] == ("bench.latency.memory_main", "tensorrt")
    spec = manifest.action if graph == "action" else manifest.foresight
    row = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in spec.inputs}
    assert contender.run(row).tolist() == [True, urgent]  # its own plan, at its own priority
