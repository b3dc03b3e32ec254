"""What FP16 cannot hold is found in the float32 graph, and the graph is right in FP16 once that is kept."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from export.quantise.fp16_range import Hazard, Peaks, activation_peaks, keep_in_fp32, near_overflow
from export.quantise.graph_run import GraphRun
from export.quantise.half import to_half
from interfaces.errors import BundleError
from interfaces.progress import Progress, silent

Arrays = dict[str, NDArray[np.floating]]

_SIZE = 64


def graph(nodes: list[NodeProto], constants: Arrays, inputs: dict[str, list[int]], output: list[int]) -> ModelProto:
    for number, node in enumerate(nodes):
        node.name = node.name or f"{node.op_type}_{number}"
    body = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture
def overflowing() -> ModelProto:
    """Whose first product reaches 1e5 and is made small again, and whose mean adds up to 1e5 on the way to 1e3."""
    rng = np.random.default_rng(1)
    constants: Arrays = {
        "w1": rng.normal(size=(_SIZE, _SIZE)).astype(np.float32) * 3000,
        "small": np.array(1e-4, np.float32),
        "w2": rng.normal(size=(_SIZE, _SIZE)).astype(np.float32) / 8,
        "offset": np.array(2000.0, np.float32),
        "shrink": np.array(5e-4, np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["large"], name="grow"),
        helper.make_node("Mul", ["large", "small"], ["tame"], name="tame"),
        helper.make_node("MatMul", ["tame", "w2"], ["mixed"], name="mix"),
        helper.make_node("Add", ["mixed", "offset"], ["lifted"], name="lift"),
        helper.make_node("ReduceMean", ["lifted", "axes"], ["mean"], name="mean", keepdims=1),
        helper.make_node("Sub", ["lifted", "mean"], ["level"], name="level"),
        helper.make_node("Mul", ["level", "shrink"], ["y"], name="end"),
    ]
    model = graph(nodes, constants, {"x": [1, _SIZE]}, [1, _SIZE])
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "axes"))
    return model


@pytest.fixture
def samples() -> Arrays:
    return {"x": np.random.default_rng(2).normal(size=(5, 1, _SIZE)).astype(np.float32)}


def find(model: ModelProto, samples: Arrays, progress: Progress = silent) -> tuple[Hazard, ...]:
    return near_overflow(model, activation_peaks(model, samples, progress))


class HalfMachine:
    """Computes like hardware without float32: every value and every partial sum in FP16, but for the nodes kept."""

    def __init__(self, model: ModelProto, kept: Collection[str]) -> None:
        self.model, self.kept = model, kept

    def run(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        values: dict[str, NDArray[Any]] = {"x": x}
        values |= {tensor.name: numpy_helper.to_array(tensor) for tensor in self.model.graph.initializer}
        with np.errstate(over="ignore", invalid="ignore"):
            for node in self.model.graph.node:
                dtype = np.float32 if node.name in self.kept else np.float16
                given = [values[name] for name in node.input]
                given = [value if value.dtype == np.int64 else value.astype(dtype) for value in given]
                values[node.output[0]] = self.compute(node.op_type, given)
        return values["y"].astype(np.float32)

    def compute(self, operator: str, given: list[NDArray[Any]]) -> NDArray[Any]:
        a, b = given
        if operator == "MatMul":
            return self.add_up(a[0, :, None] * b)[None]
        if operator == "ReduceMean":
            return (self.add_up(a[0, :, None]) / a.dtype.type(a.size))[None]
        return {"Mul": np.multiply, "Add": np.add, "Sub": np.subtract}[operator](a, b)

    @staticmethod
    def add_up(terms: NDArray[Any]) -> NDArray[Any]:
        return np.add.accumulate(terms, axis=0, dtype=terms.dtype)[-1]


def test_the_machine_of_these_tests_computes_what_the_graph_says(overflowing: ModelProto, samples: Arrays) -> None:
    everything = {node.name for node in overflowing.graph.node}
    wanted = GraphRun(overflowing).run(samples)["y"]
    found = np.stack([HalfMachine(overflowing, everything).run(x) for x in samples["x"]])
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_what_overflows_is_found_and_the_graph_is_right_in_fp16_once_it_is_kept(
    overflowing: ModelProto, samples: Arrays
) -> None:
    wanted = GraphRun(overflowing).run(samples)["y"]
    bare = np.stack([HalfMachine(overflowing, ()).run(x) for x in samples["x"]])
    assert not np.isfinite(bare).all()

    kept = keep_in_fp32(find(overflowing, samples))
    assert {"grow", "tame", "mean"} <= kept
    assert kept.isdisjoint({"mix", "end"})
    right = np.stack([HalfMachine(overflowing, kept).run(x) for x in samples["x"]])
    # FP16 steps by 2 at 2000, which the last product makes 1e-3; the values are about 1.
    np.testing.assert_allclose(right, wanted, atol=3e-3)


def test_the_fp16_graph_with_what_is_named_kept_is_right_when_computed_in_fp16(
    overflowing: ModelProto, samples: Arrays
) -> None:
    wanted = GraphRun(overflowing).run(samples)["y"]

    def computed(kept: Collection[str]) -> NDArray[np.float32]:
        # ONNX's reference evaluator computes in the types of the graph, by numpy; ONNX Runtime would in float32.
        evaluator = ReferenceEvaluator(to_half(overflowing, kept))
        with np.errstate(over="ignore", invalid="ignore"):
            return np.stack([np.asarray(evaluator.run(None, {"x": x})[0]) for x in samples["x"]])  # pyright: ignore[reportArgumentType]

    assert not np.isfinite(computed(())).all()
    # Numpy adds up in float32: what overflows on the way only, it does not see.
    np.testing.assert_allclose(computed(keep_in_fp32(find(overflowing, samples))), wanted, atol=3e-3)


@pytest.mark.parametrize("forgotten", ["grow", "tame", "mean"])
def test_none_of_the_kept_nodes_is_kept_for_nothing(overflowing: ModelProto, samples: Arrays, forgotten: str) -> None:
    kept = keep_in_fp32(find(overflowing, samples)) - {forgotten}
    found = np.stack([HalfMachine(overflowing, kept).run(x) for x in samples["x"]])
    assert not np.isfinite(found).all()


def test_each_finding_says_what_and_why(overflowing: ModelProto, samples: Arrays) -> None:
    peaks = activation_peaks(overflowing, samples, silent)
    large = np.abs(samples["x"][:, 0] @ numpy_helper.to_array(overflowing.graph.initializer[0])).max()
    assert peaks.tensors["large"] == pytest.approx(large, rel=1e-5)
    reasons = {hazard.where: hazard for hazard in near_overflow(overflowing, peaks)}
    assert reasons["large"].nodes == ("grow", "tame")
    assert "beyond FP16's 65504" in reasons["large"].reason
    assert reasons["mean"].nodes == ("mean",)
    assert reasons["mean"].value == pytest.approx(peaks.tensors["lifted"] * _SIZE, rel=0.02)


def test_values_near_the_limit_count_and_values_far_from_it_do_not() -> None:
    model = graph([helper.make_node("Neg", ["x"], ["y"], name="neg")], {}, {"x": [2]}, [2])
    near = Peaks(tensors={"x": 65504 / 7, "y": 65504 / 9}, sums={})
    assert [(hazard.where, hazard.nodes) for hazard in near_overflow(model, near)] == [("x", ("neg",))]


@pytest.mark.parametrize(
    ("constant", "word"),
    [
        (np.array(1e-7, np.float32), "too small"),  # an epsilon
        (np.array([1e-9, 3e-6], np.float32), "too small"),
        (np.array([1.0, -3.4e38], np.float32), "beyond"),  # torch's least float32, as a mask
        (np.array([1.0, 1e-9], np.float32), None),  # one weight of many
        (np.array([-np.inf, 0.0], np.float32), None),  # FP16 has infinities
        (np.array(0.0, np.float32), None),
    ],
)
def test_constants_that_fp16_cannot_hold(constant: NDArray[np.float32], word: str | None) -> None:
    model = graph([helper.make_node("Add", ["x", "c"], ["y"], name="add")], {"c": constant}, {"x": [2]}, [2])
    found = near_overflow(model, Peaks(tensors={"x": 1.0, "y": 1.0}, sums={}))
    assert [(hazard.where, hazard.nodes) for hazard in found] == ([("c", ("add",))] if word else [])
    assert all(word in hazard.reason for hazard in found if word)


def test_activations_too_small_for_fp16() -> None:
    model = graph([helper.make_node("Mul", ["x", "c"], ["y"], name="mul")], {"c": np.ones(1, np.float32)}, {"x": [1]}, [1])  # fmt: skip
    found = near_overflow(model, activation_peaks(model, {"x": np.full((1, 1), 1e-6, np.float32)}, silent))
    assert {hazard.where for hazard in found} == {"x", "y"}


@pytest.mark.parametrize(
    ("node", "shape", "bound"),
    [
        (helper.make_node("LayerNormalization", ["x", "s"], ["y"]), [2, 8, 4], 4 * 300.0**2),
        (helper.make_node("LayerNormalization", ["x", "s"], ["y"], axis=2), [2, 8, 4], 4 * 300.0**2),
        (helper.make_node("InstanceNormalization", ["x", "s", "s"], ["y"]), [1, 4, 8, 2], 16 * 300.0**2),
        (helper.make_node("ReduceMean", ["x", "axis"], ["y"]), [1, 4, 256], 256 * 300.0),
        (helper.make_node("ReduceL2", ["x", "axis"], ["y"]), [1, 4, 3], 3 * 300.0**2),
    ],
)
def test_sums_inside_operators_are_bounded(node: NodeProto, shape: list[int], bound: float) -> None:
    model = graph([node], {"s": np.ones(4, np.float32)}, {"x": shape}, [1] if "Reduce" in node.op_type else shape)
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1], np.int64), "axis"))
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    x = np.full((2, *shape), 300.0, np.float32)
    x[1] = 0.0
    found = near_overflow(model, activation_peaks(model, {"x": x}, silent))
    assert [(hazard.where, hazard.value) for hazard in found] == [(node.name, pytest.approx(bound))]


def test_a_convolution_is_bounded_by_its_absolute_terms() -> None:
    weight = np.array([1000.0, -1000.0], np.float32).reshape(1, 2, 1, 1)
    model = graph([helper.make_node("Conv", ["x", "w"], ["y"], name="conv")], {"w": weight}, {"x": [1, 2, 3, 3]}, [1, 1, 3, 3])  # fmt: skip
    samples: Arrays = {"x": np.full((1, 1, 2, 3, 3), 50.0, np.float32)}
    peaks = activation_peaks(model, samples, silent)
    assert peaks.tensors["y"] == 0.0  # its two terms cancel, and are 50000 each
    assert peaks.sums["conv"] == pytest.approx(100_000.0)


def test_progress_goes_to_the_end(overflowing: ModelProto, samples: Arrays) -> None:
    told: list[tuple[int, int]] = []
    find(overflowing, samples, lambda done, total, _text: told.append((done, total)))
    assert told == [(number, 5) for number in range(1, 6)]


def test_the_graph_that_is_measured_stays_as_it_is(overflowing: ModelProto, samples: Arrays) -> None:
    before = overflowing.SerializeToString()
    find(overflowing, samples)
    assert overflowing.SerializeToString() == before


def test_a_graph_that_gives_no_number_is_refused() -> None:
    model = graph([helper.make_node("Log", ["x"], ["y"])], {}, {"x": [1]}, [1])
    with pytest.raises(BundleError, match=r"graph net: y is not a number on sample 1"):
        find(model, {"x": np.array([[1.0], [-1.0]], np.float32)})


def test_samples_that_lack_an_input_are_refused(overflowing: ModelProto) -> None:
    with pytest.raises(BundleError, match=r"graph net: the samples hold no x; expected x"):
        find(overflowing, {"z": np.zeros((1, 1), np.float32)})
