"""Which graphs are offered to TensorRT, and from which file of the bundle each is made."""

import sys
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from export.engines.candidates import FP16, FP32, INT8, INT8_LINEAR, BundleSource, Source, chosen, prepare
from interfaces.errors import BundleError
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH


def test_fp32_is_made_from_fp16_where_the_bundle_has_none(source: BundleSource, tmp_path: Path) -> None:
    artefacts = tuple(one for one in source.manifest.artefacts if one.precision != "fp32")
    bare = BundleSource(source.folder, replace(source.manifest, artefacts=artefacts))
    made = prepare(FP32, bare, ACTION_GRAPH, tmp_path)
    assert isinstance(made, Source)
    assert made.path.parent == tmp_path
    assert prepare(FP16, bare, ACTION_GRAPH, tmp_path) == Source(source.folder / "action.fp16.onnx", external=False)


def test_without_the_onnx_package_the_bundles_own_graphs_are_built(
    source: BundleSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "export.engines.variants", None)
    monkeypatch.delattr("export.engines.variants", raising=False)
    assert prepare(INT8, source, FORESIGHT_GRAPH, tmp_path) == Source(
        source.folder / "foresight.trt-int8.onnx", external=False
    )
    left = prepare(INT8_LINEAR, source, FORESIGHT_GRAPH, tmp_path)
    assert not isinstance(left, Source)
    assert "needs the package onnx" in left.why


def test_a_candidate_that_is_none_is_refused() -> None:
    with pytest.raises(BundleError, match="there is no candidate int4; there are int8-fp16, "):
        chosen(("int4", "fp16"))


def test_a_derived_graph_too_large_for_one_file_has_its_weights_beside_it(
    source: BundleSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.quantise.graph_files.ONE_PIECE_MAX_BYTES", 1000)
    made = prepare(INT8_LINEAR, source, FORESIGHT_GRAPH, tmp_path)
    assert made == Source(tmp_path / "foresight.int8-linear.onnx", external=True)
    assert (tmp_path / "foresight.int8-linear.onnx.weights").stat().st_size > 1000


def test_fp32_is_laid_out_for_tensorrt(source: BundleSource, tmp_path: Path) -> None:
    """The tiny foresight moves its picture as bytes, as the fp32 artefact of a processor may; TensorRT takes only a cast."""
    path = source.folder / "foresight.fp32.onnx"
    model = onnx.load(path)
    cast, move = model.graph.node[0], model.graph.node[1]
    assert (cast.op_type, move.op_type) == ("Cast", "Transpose")
    move.input[0], cast.input[0] = cast.input[0], move.output[0]
    behind = next(node for node in model.graph.node[2:] if move.output[0] in node.input)
    behind.input[list(behind.input).index(move.output[0])] = cast.output[0]
    nodes = [move, cast, *list(model.graph.node)[2:]]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    made = prepare(FP32, source, FORESIGHT_GRAPH, tmp_path)
    assert isinstance(made, Source)
    readers = [node.op_type for node in onnx.load(made.path).graph.node if "front" in node.input]
    assert readers == ["Cast"]
