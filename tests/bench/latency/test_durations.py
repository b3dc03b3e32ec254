"""An engine alone is timed on the inputs of its parity samples, in turn."""

from pathlib import Path

from bench.latency.durations import durations_ms
from interfaces.bundle_manifest import load_manifest
from runtime.policy.onnx_engine import OnnxEngine
from runtime.policy.parity import read_parity

TINY = Path(__file__).parents[2] / "data/tiny_bundle"


def test_as_many_durations_as_were_asked_for() -> None:
    manifest = load_manifest(TINY)
    parity = read_parity("parity.npz", (TINY / manifest.parity.file).read_bytes())
    file = manifest.artefact("fp32").action.file
    engine = OnnxEngine((TINY / file).read_bytes(), file, manifest.action, 1)
    durations = durations_ms("action", engine, parity, 12)
    assert len(durations) == 12
    assert min(durations) > 0
