"""Ranges are those of the activations, by tensor and by channel, over all samples."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.quantise.ranges import Ranges, measure_ranges
from interfaces.errors import BundleError
from interfaces.progress import silent
from tests.export.quantise.tiny_network import samples


def small_graph() -> ModelProto:
    """Return x (1, 2, 1, 1) -> y = Conv(x), each channel on its own; no shapes are told but those of input and output."""
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["x"], ["same"], "same"),
            helper.make_node("Conv", ["same", "w"], ["z"], "conv", kernel_shape=[1, 1]),
            helper.make_node("Identity", ["z"], ["y"], "last"),
        ],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 1, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 1, 1])],
        [numpy_helper.from_array(np.diag([2.0, -1.0]).astype(np.float32).reshape(2, 2, 1, 1), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_least_and_largest_of_all_samples_by_channel() -> None:
    rows = np.array([[1.0, 10.0], [-3.0, 4.0], *([[0.0, 5.0]] * 20)], np.float32).reshape(-1, 1, 2, 1, 1)
    told: list[tuple[int, int]] = []
    ranges = measure_ranges(small_graph(), {"x": rows}, lambda done, total, _text: told.append((done, total)))
    low, high = ranges.channels("z")
    np.testing.assert_allclose(low, [-6.0, -10.0])
    np.testing.assert_allclose(high, [2.0, -4.0])
    assert ranges["same"] == (-3.0, 10.0)
    assert told[-1] == (22, 22)
    assert len(told) > 1


def test_a_graph_in_a_file_is_measured_where_it_lies(tiny: ModelProto, tiny_ranges: Ranges, tmp_path: Path) -> None:

    path = tmp_path / "tiny.onnx"
    copy = ModelProto.FromString(tiny.SerializeToString())
    onnx.save(copy, path, save_as_external_data=True, location="tiny.weights", size_threshold=1024)
    again = measure_ranges(path, samples(40, seed=1), silent)
    assert again.by_tensor.keys() == tiny_ranges.by_tensor.keys()
    for name in again.by_tensor:
        np.testing.assert_allclose(again.channels(name), tiny_ranges.channels(name), rtol=1e-5, atol=1e-6)
    assert {file.name for file in tmp_path.iterdir()} == {"tiny.onnx", "tiny.weights"}


@pytest.mark.filterwarnings("ignore:All-NaN axis")
def test_samples_that_do_not_fit_are_refused_in_words() -> None:
    with pytest.raises(BundleError, match="hold no x"):
        measure_ranges(small_graph(), {"other": np.zeros((1, 2))}, silent)
    with pytest.raises(BundleError, match="no samples"):
        measure_ranges(small_graph(), {"x": np.zeros((0, 1, 2, 1, 1), np.float32)}, silent)
    with pytest.raises(BundleError, match="not finite"):
        measure_ranges(small_graph(), {"x": np.full((1, 1, 2, 1, 1), np.inf, np.float32)}, silent)


def test_a_tensor_of_another_graph_is_missed(tiny_ranges: Ranges) -> None:
    with pytest.raises(BundleError, match="no range was measured for tensor nowhere"):
        tiny_ranges["nowhere"]
