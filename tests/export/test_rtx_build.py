"""NVIDIA's own parser and builder take our graphs, hold INT8 weights in INT8, and refuse what our static check refuses.

They need TensorRT-RTX (the extra `rtx`), and no GPU.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper
from onnx.utils import Extractor

from export.quantise.blocks import blocks_of
from export.quantise.half import to_half
from export.quantise.layouts import quantise
from export.quantise.ranges import measure_ranges
from export.rtx_build import RtxBuild, Stored, build, stored
from export.tensorrt_rules.check import check_file, check_graph
from interfaces.bundle_manifest import MANIFEST_FILE, load_manifest
from interfaces.errors import BundleError, RefusedError
from interfaces.graph_contract import ACTION_GRAPH, GRAPHS, files_of
from interfaces.progress import silent
from tests.data.make_tiny_svam import filled
from tests.export.tensorrt_rules.small_graphs import CHANNELS, GOOD, REFUSED_BY_BUILDER, graph, node, value

ROOT = Path(__file__).parents[2]
# INT8 weights count once: 1.00 to 1.08 were measured, as small tensors are padded; FP16 would be 2, FP32 4.
ELEMENT_BYTES_MAX = 1.3
rtx = pytest.mark.skipif(importlib.util.find_spec("tensorrt_rtx_bindings") is None, reason="needs the extra rtx")


def shipped() -> list[tuple[Path, str]]:
    """Return the folder of every bundle of this repository with the name of each of its two graphs."""
    folders = [path.parent for path in sorted((ROOT / "robots" / "bundles").glob(f"*/{MANIFEST_FILE}"))]
    return [(folder, graph) for folder in folders for graph in GRAPHS]


def assert_int8_is_stored_so(built: RtxBuild, held: Stored) -> None:
    assert held.int8_elements > 0
    assert held.element_bytes(built.weights_bytes) < ELEMENT_BYTES_MAX


@rtx
@pytest.mark.parametrize(("folder", "which"), shipped(), ids=lambda part: getattr(part, "name", part))
def test_the_graphs_of_the_shipped_bundles_are_taken(folder: Path, which: str) -> None:
    manifest = load_manifest(folder)
    half, narrow = (folder / files_of(manifest.artefact(precision))[which].file for precision in ("fp16", "trt-int8"))
    assert check_file(half) == check_file(narrow) == []
    built, held = build(half), stored(onnx.load(half))
    assert held.int8_elements == 0
    padding = built.weights_bytes - held.other_bytes  # small tensors are padded, those of a first layer above all
    assert 0 <= padding < 0.06 * held.other_bytes
    if narrow == half:  # a graph in which nothing is worth INT8 is in a bundle once
        assert which == ACTION_GRAPH
        return
    built, held = build(narrow), stored(onnx.load(narrow))
    assert held.int8_elements > 50_000
    assert 0.95 < held.element_bytes(built.weights_bytes - padding) < ELEMENT_BYTES_MAX


def test_there_is_a_shipped_bundle() -> None:
    assert shipped()


def samples_of(model: ModelProto, n_samples: int = 2) -> dict[str, NDArray[Any]]:
    """Return random values of every input."""
    rng = np.random.default_rng(0)
    samples: dict[str, NDArray[Any]] = {}
    for wanted in model.graph.input:
        shape = (n_samples, *(side.dim_value for side in wanted.type.tensor_type.shape.dim))
        picture = wanted.type.tensor_type.elem_type == TensorProto.UINT8
        samples[wanted.name] = (
            rng.integers(0, 256, shape, np.uint8) if picture else rng.normal(0, 1, shape).astype(np.float32)
        )
    return samples


def int8(model: ModelProto) -> ModelProto:
    """Return the trt-int8 graph of an fp32 one, by the default choice of blocks."""
    ranges = measure_ranges(model, samples_of(model), silent)
    chosen = {block.name for block in blocks_of(model, "trt-int8") if block.kept_because is None}
    return to_half(quantise(model, ranges, "trt-int8", chosen), frozenset())


def svam(name: str) -> ModelProto:
    """Return a graph of a very small S-VAM; "beginning" is the first quarter of its foresight: autoencoder, convolutions, attention."""
    if name != "beginning":
        return filled(name)
    whole = filled("foresight")
    return Extractor(whole).extract_model([value.name for value in whole.graph.input], ["silu_22"])


WHOLE = pytest.param("foresight", marks=pytest.mark.slow)  # a quarter of a minute of building


@pytest.mark.parametrize("name", ["beginning", "action", WHOLE])
def test_the_graphs_of_an_svam_in_int8_are_taken(name: str, tmp_path: Path) -> None:
    model = int8(svam(name))
    onnx.save(model, tmp_path / "small.onnx")
    assert check_file(tmp_path / "small.onnx") == []
    if importlib.util.find_spec("tensorrt_rtx_bindings"):
        assert_int8_is_stored_so(build(tmp_path / "small.onnx"), stored(model))


@pytest.mark.parametrize("name", ["beginning", "action", WHOLE])
def test_the_graphs_of_an_svam_in_fp16_are_taken(name: str) -> None:
    wide = svam(name)
    model = to_half(wide, frozenset())
    assert check_graph(model) == []
    if importlib.util.find_spec("tensorrt_rtx_bindings"):
        assert build(model.SerializeToString()).weights_bytes == pytest.approx(stored(wide).other_bytes / 2, rel=0.02)


@rtx
@pytest.mark.parametrize("case", REFUSED_BY_BUILDER)
def test_the_builder_refuses_what_the_check_refuses(case: str) -> None:
    model, _, where = REFUSED_BY_BUILDER[case]
    assert check_graph(model)
    with pytest.raises(BundleError, match=where):
        build(model.SerializeToString())


@rtx
def test_scales_along_the_wrong_axis_are_seen_by_our_check_alone() -> None:
    wrong = replace(GOOD, axis=1).model()
    assert build(wrong.SerializeToString()).plan_bytes > 0
    assert {finding.rule for finding in check_graph(wrong)} == {"weight-axis"}


def linear(as_stored: Callable[[NDArray[np.int8]], list[tuple[str, NDArray[Any]]]]) -> ModelProto:
    """Return one large layer whose weights are stored as INT8 with a scale, or as floats of the same values."""
    side = 512
    constants = dict(as_stored(np.random.default_rng(0).integers(-127, 128, (side, side), np.int8)))
    quantised = "scales" in constants
    constants |= {"scale": np.asarray(0.05, np.float32), "zero": np.asarray(0, np.int8)}
    nodes = [node("QuantizeLinear", "x scale zero", "q"), node("DequantizeLinear", "q scale zero", "dq")]
    if quantised:
        nodes.append(node("DequantizeLinear", "weights scales zeros", "w", axis=1))
    nodes.append(node("MatMul", "dq w" if quantised else "dq weights", "y"))
    return graph(nodes, constants, inputs=(value("x", (4, side)),), outputs=(value("y", (4, side)),))


@rtx
def test_weights_in_int8_take_a_quarter_and_the_measure_tells_the_difference() -> None:
    narrow = linear(
        lambda w: [("weights", w), ("scales", np.full(512, 0.01, np.float32)), ("zeros", np.zeros(512, np.int8))]
    )
    wide = linear(lambda w: [("weights", w.astype(np.float32) * 0.01)])
    in_int8, in_float = build(narrow.SerializeToString()), build(wide.SerializeToString())
    held = stored(narrow)
    assert held.int8_elements == 512 * 512
    assert_int8_is_stored_so(in_int8, held)
    assert held.element_bytes(in_float.weights_bytes) == pytest.approx(4, abs=0.1)
    assert in_float.weights_bytes == pytest.approx(stored(wide).other_bytes, rel=0.02)


@rtx
def test_a_graph_with_its_weights_beside_it_is_built_by_its_path(tmp_path: Path) -> None:
    onnx.save(
        GOOD.model(), tmp_path / "g.onnx", save_as_external_data=True, size_threshold=0, location="g.onnx.weights"
    )
    told: list[tuple[int, int, str]] = []
    built = build(tmp_path / "g.onnx", lambda done, total, text: told.append((done, total, text)))
    assert built.layers >= 4
    assert told
    assert all(0 <= done <= total for done, total, _ in told)
    assert stored(onnx.load(tmp_path / "g.onnx", load_external_data=False), tmp_path).int8_elements == CHANNELS**2 * 9


def test_constants_are_counted_by_what_they_take() -> None:
    half = numpy_helper.from_array(np.zeros((3, 5), np.float16), "half")
    model = GOOD.model()
    model.graph.initializer.append(half)
    scales_and_bias = 4 + 4 * CHANNELS + 4 * CHANNELS
    assert stored(model) == Stored(int8_elements=CHANNELS**2 * 9, other_bytes=scales_and_bias + 30)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt_rtx_libs", None)
    with pytest.raises(RefusedError, match=r'not installed.*pip install "forerun\[rtx\]"'):
        build(GOOD.model().SerializeToString())
