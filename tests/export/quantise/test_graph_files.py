"""Graph files: in one piece, or with their weights beside them."""

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from export.quantise import graph_files
from export.quantise.graph_files import read_graph, write_graph
from export.quantise.layouts import quantise_in_place
from export.quantise.ranges import Ranges, measure_ranges
from interfaces.errors import BundleError
from interfaces.progress import silent
from tests.export.quantise.reading import run
from tests.export.quantise.tiny_network import samples


def test_a_small_graph_is_one_file(tiny: ModelProto, tmp_path: Path) -> None:
    assert write_graph(tiny, tmp_path / "tiny.onnx") is None
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.onnx"]
    assert read_graph(tmp_path / "tiny.onnx").SerializeToString() == tiny.SerializeToString()


def test_a_large_graph_is_measured_and_quantised_from_its_file(
    tiny: ModelProto, tiny_ranges: Ranges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_files, "ONE_PIECE_MAX_BYTES", 1000)
    path, given = tmp_path / "tiny.onnx", samples(3, seed=40)
    wanted = run(tiny, given)
    weights = write_graph(ModelProto.FromString(tiny.SerializeToString()), path)
    assert weights is not None
    assert weights.stat().st_size > 4 * 16 * 16 * 9 * 2  # both convolutions, at least
    ranges = measure_ranges(path, samples(40, seed=1), silent)
    assert ranges.by_tensor.keys() == tiny_ranges.by_tensor.keys()
    model = quantise_in_place(read_graph(path), ranges, "trt-int8", ["conv_1", "out"])
    assert 0.0 < np.abs(run(model, given) - wanted).max() < 0.05


def test_what_is_no_graph_is_named(tmp_path: Path) -> None:
    (tmp_path / "torn.onnx").write_bytes(b"torn")
    with pytest.raises(BundleError, match=r"torn\.onnx"):
        read_graph(tmp_path / "torn.onnx")
