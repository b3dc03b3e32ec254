"""ONNX Runtime as an engine: it computes what the graph says, and refuses graphs and inputs that differ from the manifest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from interfaces.bundle_manifest import GraphSpec, TensorSpec, load_manifest
from interfaces.engine import Engine
from interfaces.errors import BundleError, DeviceError
from runtime.policy.open_engine import open_engine

PICTURE = np.full((240, 424, 3), 102, np.uint8)
PUSH = np.array([0, 1, 0, 0], np.float32)


@pytest.fixture
def spec(tiny_folder: Path) -> GraphSpec:
    """What the manifest says of the foresight graph."""
    return load_manifest(tiny_folder).foresight


@pytest.fixture
def graph(tiny_folder: Path) -> bytes:
    """The foresight graph."""
    return (tiny_folder / "foresight.onnx").read_bytes()


@pytest.fixture
def engine(graph: bytes, spec: GraphSpec) -> Engine:
    """The foresight graph, opened."""
    return open_engine(graph, "foresight.onnx", spec, threads=1)


def test_it_computes_the_graph(engine: Engine) -> None:
    tokens = engine.run({"front": PICTURE, "instruction": PUSH})["tokens"]
    np.testing.assert_allclose(tokens, [[0.4, 0.4, 0.4, 0], [1, 0, 0, 1]], atol=1e-4)


def test_inputs_are_copied_and_outputs_overwritten(engine: Engine) -> None:
    picture = PICTURE.copy()
    first = engine.run({"front": picture, "instruction": PUSH})["tokens"]
    assert first[0, 0] == pytest.approx(0.4, abs=1e-4)
    picture[:] = 255
    second = engine.run({"front": picture, "instruction": PUSH})["tokens"]
    assert second is first
    assert first[0, 0] == pytest.approx(1.0)


def test_strided_inputs_are_understood(engine: Engine) -> None:
    wide = np.zeros((480, 424, 3), np.uint8)
    wide[::2] = 255
    assert engine.run({"front": wide[::2], "instruction": PUSH})["tokens"][0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [
        ({"front": PICTURE}, "input instruction is missing"),
        ({"front": PICTURE[:100], "instruction": PUSH}, r"input front is uint8 \(100, 424, 3\); the graph wants"),
        ({"front": PICTURE, "instruction": PUSH.astype(np.float64)}, "input instruction is float64"),
    ],
)
def test_inputs_that_differ_are_refused(engine: Engine, inputs: dict[str, np.ndarray], complaint: str) -> None:
    with pytest.raises(DeviceError, match=complaint):
        engine.run(inputs)


@pytest.mark.parametrize("spoilt", [b"", b"not a graph", b"\x08\x08\x12"])
def test_what_is_no_graph_is_refused(spec: GraphSpec, spoilt: bytes) -> None:
    with pytest.raises(BundleError, match=r"foresight\.onnx: ONNX Runtime cannot open it"):
        open_engine(spoilt, "foresight.onnx", spec, threads=1)


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        (
            TensorSpec(name="instruction", shape=(5,), dtype="float32"),
            r"input instruction is float32 \(4,\); the manifest says",
        ),
        (TensorSpec(name="instruction", shape=(4,), dtype="float16"), "the manifest says float16"),
        (TensorSpec(name="words", shape=(4,), dtype="float32"), "input words is not in the graph"),
    ],
)
def test_a_manifest_that_differs_from_the_graph_is_refused(
    graph: bytes, spec: GraphSpec, wanted: TensorSpec, complaint: str
) -> None:
    with pytest.raises(BundleError, match=complaint):
        open_engine(graph, "foresight.onnx", replace(spec, inputs=(spec.inputs[0], wanted)), threads=1)


def test_an_input_that_the_manifest_does_not_know_is_refused(graph: bytes, spec: GraphSpec) -> None:
    with pytest.raises(BundleError, match="input instruction is in the graph but not in the manifest"):
        open_engine(graph, "foresight.onnx", replace(spec, inputs=spec.inputs[:1]), threads=1)
