"""Channel scales change how a convolution is quantised, and not what it computes."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from export.quantise import layouts
from export.quantise.channel_scales import ChannelScales, fold_channel_scales
from export.quantise.layouts import quantise
from export.quantise.ranges import Ranges, measure_ranges
from interfaces.progress import silent
from tests.export.quantise.reading import node_of, run, weight

CHANNELS = 8
WIDTHS = 2.0 ** np.arange(CHANNELS)  # 1..128: with one scale for all, the narrowest channel has two levels


def graph_of(operator: str, joined: bool = False) -> ModelProto:  # noqa: FBT001, FBT002
    """Return x -> conv (channels of very different width, a sign each) -> `operator` -> y, or the sum of two such -> conv -> y."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((CHANNELS, CHANNELS, 3, 3)) * WIDTHS.reshape(-1, 1, 1, 1)
    shape = [1, CHANNELS, 6, 6]
    pads: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["wide"], "conv", **pads)]
    if joined:
        nodes.append(helper.make_node("Conv", ["x", "w2"], ["other"], "conv_2", **pads))
        nodes.append(helper.make_node("Add", ["wide", "other"], ["sum"], "sum"))
        nodes.append(helper.make_node("Conv", ["sum", "w3"], ["last"], "conv_3", **pads))
        nodes.append(helper.make_node(operator, ["last"], ["y"], "last"))
    else:
        nodes.append(helper.make_node(operator, ["wide"], ["y"], "last"))
    graph = helper.make_graph(
        nodes, "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [
            numpy_helper.from_array(values.astype(np.float32), name)
            for name, values in (
                ("w", weights), ("b", 3.0 * WIDTHS), ("w2", weights[::-1]), ("w3", weights.transpose(1, 0, 2, 3)),
            )
        ],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def inputs(seed: int) -> dict[str, NDArray[Any]]:
    """Return x with channels of different width, none below -0.25: as SiLU leaves them."""
    values = np.random.default_rng(seed).uniform(-0.25, 1.0, (20, 1, CHANNELS, 6, 6))
    return {"x": np.where(values > 0, values * WIDTHS.reshape(-1, 1, 1), values).astype(np.float32)}


def errors(model: ModelProto, ranges: Ranges, names: list[str]) -> NDArray[np.float64]:
    """Return the root mean square error of each channel, of its own width."""
    given = inputs(2)
    wanted = run(model, given)[:, 0].astype(np.float64)
    off = run(quantise(model, ranges, "cpu-int8", names), given)[:, 0] - wanted
    return np.sqrt(np.square(off).mean(axis=(0, 2, 3))) / wanted.std(axis=(0, 2, 3))


def no_channel_scales(_model: ModelProto, _nodes: Collection[str], _ranges: Ranges) -> dict[str, ChannelScales]:
    return {}


def test_folding_leaves_the_output_and_scales_the_convolution() -> None:
    model = graph_of("Identity")
    ranges = measure_ranges(model, inputs(1), silent)
    before = weight(model, "w").copy()
    scales = fold_channel_scales(model, ["conv"], ranges)
    assert scales.keys() == {"wide", "x"}
    inner, outer = scales["x"], scales["wide"]
    assert outer.of_output
    assert not inner.of_output
    x = inputs(3)["x"]
    folded = run(model, {"x": (x * (inner.scale / inner.scales).reshape(-1, 1, 1)).astype(np.float32)})
    spread = folded * (outer.scales / outer.scale).reshape(-1, 1, 1)
    restored = spread + (outer.scales * (128 - outer.zero_points)).reshape(-1, 1, 1)
    wanted = run(graph_of("Identity"), {"x": x})
    np.testing.assert_allclose(restored, wanted, rtol=1e-4, atol=1e-3)
    assert np.abs(weight(model, "w")).max(axis=(1, 2, 3)).std() < np.abs(before).max(axis=(1, 2, 3)).std()


def test_every_channel_gets_its_own_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    model = graph_of("Identity")
    ranges = measure_ranges(model, inputs(1), silent)
    with monkeypatch.context() as without:
        without.setattr(layouts, "fold_channel_scales", no_channel_scales)
        one_scale = errors(model, ranges, ["conv"])
    assert errors(model, ranges, ["conv"]).max() < 0.04
    assert one_scale.max() > 0.2
    quantised = quantise(model, ranges, "cpu-int8", ["conv"])
    back = next(node for node in quantised.graph.node if node.name == "wide_DequantizeLinear")
    assert weight(quantised, back.input[1]).shape == (CHANNELS,)
    inner = next(node for node in quantised.graph.node if node.output[0] == node_of(quantised, "conv").input[0])
    assert weight(quantised, inner.input[1]).shape == ()  # the convolution knows one scale


def test_what_lies_beyond_the_calibration_has_room() -> None:
    model = graph_of("Identity")
    ranges = measure_ranges(model, inputs(1), silent)
    scales = fold_channel_scales(model, ["conv"], ranges)["wide"]
    low, high = ranges.channels("wide")
    assert (-scales.zero_points * scales.scales <= 1.2 * np.minimum(low, 0.0)).all()
    assert ((255 - scales.zero_points) * scales.scales >= 1.2 * np.maximum(high, 0.0)).all()


def test_a_sum_that_onnx_runtime_fuses_into_an_integer_one_keeps_one_scale() -> None:
    model = graph_of("Identity", joined=True)
    ranges = measure_ranges(model, inputs(1), silent)
    names = ["conv", "conv_2", "conv_3"]
    quantised = quantise(model, ranges, "cpu-int8", names)
    for tensor in ("wide", "other", "sum"):
        assert weight(quantised, f"{tensor}_scale").shape == ()
        assert f"{tensor}_scales" not in {initializer.name for initializer in quantised.graph.initializer}
    assert np.isfinite(run(quantised, inputs(4))).all()  # ONNX Runtime refuses a QLinearAdd with scales by channel


def test_a_convolution_whose_weights_are_shared_keeps_one_scale() -> None:
    model = graph_of("Identity", joined=True)
    node_of(model, "conv_2").input[1] = "w"
    ranges = measure_ranges(model, inputs(1), silent)
    assert "x" not in fold_channel_scales(model, ["conv", "conv_2"], ranges)
