"""What runs as one kernel: what is element-wise goes with what is before it, attention is one, and kernels can be run in an order."""

from pathlib import Path

from onnx import helper

from export.roofline.count import count
from export.roofline.fusion import kernels_of
from export.roofline.storage import data_inputs, parts_of
from export.roofline.tensors import Graph, read_graph
from tests.export.roofline.conftest import Make

SHIPPED = Path(__file__).parents[3] / "robots/bundles/so101-small"


def test_activation_and_residual_run_with_the_convolution(make: Make) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["conv"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["conv"], ["gate"]),
        helper.make_node("Mul", ["conv", "gate"], ["silu"]),
        helper.make_node("Add", ["silu", "x"], ["y"]),
    ]
    graph = make(nodes, {"x": (1, 8, 4, 4)}, {"w": (8, 8, 3, 3)}, ["y"])
    assert [[node.op_type for node in kernel.nodes] for kernel in kernels_of(graph)] == [
        ["Conv", "Sigmoid", "Mul", "Add"]
    ]
    (layer,) = count(graph)
    assert (layer.macs, layer.element_wise) == (8 * 16 * 8 * 9, 3 * 8 * 16)
    assert (layer.weights_bytes, layer.read_bytes, layer.written_bytes) == (4 * 576, 4 * 128, 4 * 128)


def test_a_modulation_that_is_made_later_runs_with_what_it_modulates_only_where_that_is_possible(make: Make) -> None:
    # The modulation does not need the convolution: it can be made before, and applied in the convolution's own kernel ...
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["conv"]),
        helper.make_node("Gemm", ["t", "film"], ["scale"]),
        helper.make_node("Reshape", ["scale", "shape"], ["broadcast"]),
        helper.make_node("Mul", ["conv", "broadcast"], ["y"]),
    ]
    weights: dict[str, tuple[int, ...]] = {"w": (8, 8, 1, 1), "film": (2, 8)}
    free = make([_shape(1, 8, 1, 1), *nodes], {"x": (1, 8, 4, 4), "t": (1, 2)}, weights, ["y"])
    assert [[node.op_type for node in kernel.nodes] for kernel in kernels_of(free)] == [["Conv", "Mul"], ["Gemm"]]
    # ... but a gate that is pooled from the convolution's own output cannot.
    nodes[1] = helper.make_node("GlobalAveragePool", ["conv"], ["scale"])
    bound = make([_shape(1, 8, 1, 1), *nodes], {"x": (1, 8, 4, 4), "t": (1, 2)}, weights, ["y"])
    assert [[node.op_type for node in kernel.nodes] for kernel in kernels_of(bound)] == [
        ["Conv"],
        ["GlobalAveragePool", "Mul"],
    ]


def test_scores_of_attention_never_reach_the_memory(mixed_file: Path) -> None:
    (attention,) = [layer for layer in count(read_graph(mixed_file)) if layer.kind == "attention"]
    one = 4.0 * 64 * 32  # query, key, value or output, in bytes
    assert (attention.read_bytes, attention.written_bytes, attention.softmaxed) == (3 * one, one, 4 * 64 * 64)


def test_scores_that_others_read_do(make: Make) -> None:
    nodes = [
        helper.make_node("MatMul", ["q", "k"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["weights"]),
        helper.make_node("MatMul", ["weights", "v"], ["y"]),
    ]
    inputs: dict[str, tuple[int, ...]] = {"q": (6, 4), "k": (4, 6), "v": (6, 4)}
    assert len(kernels_of(make(nodes, inputs, {}, ["y"]))) == 1
    assert len(kernels_of(make(nodes, inputs, {}, ["y", "weights"]))) == 3


def test_parts_that_are_put_together_are_not_copied(make: Make) -> None:
    nodes = [
        helper.make_node("Relu", ["a"], ["left"]),
        helper.make_node("Relu", ["b"], ["right"]),
        helper.make_node("Concat", ["left", "right"], ["both"], axis=1),
        helper.make_node("Conv", ["both", "w"], ["y"]),
    ]
    graph = make(nodes, {"a": (1, 2, 4, 4), "b": (1, 6, 4, 4)}, {"w": (4, 8, 1, 1)}, ["y"])
    layers = count(graph)
    assert [(layer.kind, layer.read_bytes) for layer in layers][-1] == ("conv", 4 * 8 * 16)
    assert sum(layer.written_bytes for layer in layers) == 4 * (2 + 6 + 4) * 16


def test_kernels_can_be_run_one_after_another(mixed_file: Path) -> None:
    for path in (mixed_file, SHIPPED / "foresight.fp32.onnx", SHIPPED / "action.fp32.onnx"):
        graph = read_graph(path)
        waiting = _needs(graph)
        while waiting:
            ready = {kernel for kernel, needs in waiting.items() if not needs & waiting.keys()}
            assert ready, f"{path.name}: each of these kernels waits for another of them: {sorted(waiting)}"
            waiting = {kernel: needs for kernel, needs in waiting.items() if kernel not in ready}


def _needs(graph: Graph) -> dict[int, set[int]]:
    kernels = kernels_of(graph)
    made_by = {name: index for index, kernel in enumerate(kernels) for node in kernel.nodes for name in node.output}
    return {
        index: {
            made_by[part.stored]
            for node in kernel.nodes
            for name in data_inputs(graph, node)
            for part in parts_of(graph, name)
            if part.stored in made_by
        }
        - {index}
        for index, kernel in enumerate(kernels)
    }


def _shape(*lengths: int):
    return helper.make_node("Constant", [], ["shape"], value_ints=list(lengths))
