"""Channels are made alike in front of a convolution without changing what it computes, and INT8 then loses less."""

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from export.quantise.even_channels import even_channels
from export.quantise.graph_edit import sort_nodes
from export.quantise.graph_run import GraphRun
from export.quantise.layouts import quantise
from export.quantise.ranges import Ranges, measure_ranges
from interfaces.progress import silent
from interfaces.sample_file import Samples

WIDTHS = np.array([100.0, 10.0, 0.1, 0.0], np.float32)  # of the channels of x


@pytest.fixture
def samples() -> Samples:
    x = np.random.default_rng(1).uniform(-1, 1, (6, 1, 4, 5, 5))
    return {"x": (x * WIDTHS[:, None, None]).astype(np.float32)}


@pytest.fixture
def model() -> ModelProto:
    """Two convolutions that read the same x; their weights make up for the widths of its channels. A third has groups."""
    rng = np.random.default_rng(2)
    narrow = np.array([0.01, 0.1, 10.0, 1.0])[:, None, None]
    constants: dict[str, NDArray[np.float32]] = {
        "a.weight": (rng.normal(size=(3, 4, 3, 3)) * narrow).astype(np.float32),
        "b.weight": (rng.normal(size=(3, 4, 1, 1)) * narrow).astype(np.float32),
        "c.weight": rng.normal(size=(4, 1, 1, 1)).astype(np.float32),
        "a.bias": rng.normal(size=3).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "a.weight", "a.bias"], ["a"], name="a", pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("Conv", ["x", "b.weight"], ["b"], name="b", kernel_shape=[1, 1]),
        helper.make_node("Conv", ["x", "c.weight"], ["c"], name="c", group=4, kernel_shape=[1, 1]),
    ]
    outputs = {"a": [1, 3, 5, 5], "b": [1, 3, 5, 5], "c": [1, 4, 5, 5]}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 5, 5])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture
def ranges(model: ModelProto, samples: Samples) -> Ranges:
    return measure_ranges(model, samples, silent)


def test_the_graph_computes_what_it_did(model: ModelProto, ranges: Ranges, samples: Samples) -> None:
    before = GraphRun(model).run(samples)
    limits = even_channels(model, {"a", "b", "c"}, ranges)
    sort_nodes(model)
    checker.check_model(model, full_check=True)
    after = GraphRun(model).run(samples)
    for name, wanted in before.items():
        np.testing.assert_allclose(after[name], wanted, rtol=1e-4, atol=1e-4)
    products = [node for node in model.graph.node if node.op_type == "Mul"]
    assert [node.name for node in products] == list(limits)
    assert len(products) == 1  # shared by a and b; c has groups
    assert {node.name for node in model.graph.node if node.input[0] == products[0].output[0]} == {"a", "b"}


def test_what_is_quantised_then_fills_its_range_in_every_channel(
    model: ModelProto, ranges: Ranges, samples: Samples
) -> None:
    (name, limits), = even_channels(model, {"a"}, ranges).items()  # fmt: skip
    sort_nodes(model)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 5, 5]))
    largest = np.abs(GraphRun(model).run(samples)[name]).max(axis=(0, 1, 3, 4))
    widest = np.abs(samples["x"]).max()
    assert limits == pytest.approx((-widest, widest))
    np.testing.assert_allclose(largest[:2], widest, rtol=1e-5)
    assert 0.01 * widest < largest[2] < 0.1 * widest  # a thousandth as wide: blown up by 32, not more
    assert largest[3] == 0.0


@pytest.mark.parametrize("block", ["a", "b"])
def test_int8_loses_less(model: ModelProto, ranges: Ranges, samples: Samples, block: str) -> None:
    wanted = GraphRun(model).run(samples)[block]
    found = GraphRun(quantise(model, ranges, "trt-int8", {block}), integer_kernels=False).run(samples)[block]
    step = 2 * np.abs(samples["x"]).max() / 255
    plain: Samples = {"x": np.round(samples["x"] / step) * step}  # every channel with the step of the widest
    rough = GraphRun(model).run(plain)[block]
    assert np.abs(found - wanted).max() < 0.35 * np.abs(rough - wanted).max()


def test_a_weight_that_others_read_is_left_alone(model: ModelProto, ranges: Ranges) -> None:
    model.graph.node.append(helper.make_node("Identity", ["a.weight"], ["told"], name="told"))
    before = model.SerializeToString()
    assert even_channels(model, {"a"}, ranges) == {}
    assert model.SerializeToString() == before
