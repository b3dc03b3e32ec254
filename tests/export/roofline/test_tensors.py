"""Shapes are read without the weights; what cannot be read is refused in a line."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from export.roofline.count import count
from export.roofline.tensors import graph_of, read_graph
from interfaces.errors import BundleError


def test_a_graph_whose_weights_are_absent_is_counted_alike(mixed_file: Path, tmp_path: Path) -> None:
    model = onnx.load(mixed_file)
    onnx.save(model, tmp_path / "apart.onnx", save_as_external_data=True, location="apart.bin", size_threshold=1024)
    (tmp_path / "apart.bin").unlink()
    assert count(read_graph(tmp_path / "apart.onnx")) == count(read_graph(mixed_file))


def test_a_shape_that_is_not_known_is_refused() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])
    model = helper.make_model(helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y]))
    with pytest.raises(BundleError, match=r"g\.onnx: the shape of tensor x is not known; expected a graph with static"):
        count(graph_of(model, "g.onnx"))


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(BundleError, match=r"noise\.onnx: not an ONNX graph"):
        read_graph(tmp_path / "noise.onnx")
    with pytest.raises(BundleError, match=r"absent\.onnx: No such file"):
        read_graph(tmp_path / "absent.onnx")


def test_a_graph_inside_a_graph_is_refused() -> None:
    inside = helper.make_graph([], "inside", [], [])
    node = helper.make_node("If", ["c"], [], name="either", then_branch=inside, else_branch=inside)
    with pytest.raises(BundleError, match="node either is If, a graph of its own inside"):
        graph_of(helper.make_model(helper.make_graph([node], "g", [], [])), "g")
