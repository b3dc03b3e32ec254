"""Makes a bundle of two tiny graphs in every precision that engines are built from, with real inputs; nothing of it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from interfaces.bundle_artefact import Artefact, GraphFile, HashedFile, Precision
from interfaces.bundle_manifest import (
    BundleManifest,
    CameraSpec,
    ChunkSpec,
    GraphSpec,
    Provenance,
    TensorSpec,
    load_manifest,
)
from interfaces.graph_contract import parity_key
from interfaces.sample_file import Samples, write_samples
from interfaces.toml_writer import to_toml

HEIGHT, WIDTH, TOKENS, WIDE, HORIZON, JOINTS = 8, 8, 4, 64, 3, 2
FORESIGHT = GraphSpec(
    inputs=(
        TensorSpec(name="front", shape=(HEIGHT, WIDTH, 3), dtype="uint8"),
        TensorSpec(name="instruction", shape=(2,), dtype="float32"),
    ),
    outputs=(TensorSpec(name="tokens", shape=(TOKENS, WIDE), dtype="float32"),),
)
ACTION = GraphSpec(
    inputs=(
        TensorSpec(name="tokens", shape=(TOKENS, WIDE), dtype="float32"),
        TensorSpec(name="joints", shape=(JOINTS,), dtype="float32"),
        TensorSpec(name="foresight_age", shape=(), dtype="float32"),
        TensorSpec(name="noise", shape=(HORIZON, JOINTS), dtype="float32"),
    ),
    outputs=(TensorSpec(name="positions", shape=(HORIZON, JOINTS), dtype="float32"),),
)
_ort = cast("Any", onnxruntime)  # partly typed
_PRECISIONS: tuple[tuple[Precision, float], ...] = (("trt-int8", 0.2), ("fp16", 0.02), ("fp32", 1e-3))
_TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


class Drawing:
    """A graph being drawn, in FP32 or FP16, with or without Q/DQ in front of its weighted operators."""

    def __init__(self, *, half: bool, ranges: list[float] | None) -> None:
        """Quantise with the largest magnitudes in `ranges`, in the order of drawing, where there are any."""
        self.dtype = np.dtype(np.float16 if half else np.float32)
        self.ranges = ranges
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []
        self.measured: list[str] = []
        self.rng = np.random.default_rng(0)

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def cast(self, name: str) -> str:
        return self.op("Cast", name, to=_TYPES[str(self.dtype)])

    def reshape(self, name: str, *shape: int) -> str:
        return self.op("Reshape", name, self.constant(f"{name}_shape", np.array(shape, np.int64)))

    def quantised(self, name: str) -> str:
        """Return an activation through a Q/DQ pair."""
        index = len(self.measured)
        self.measured.append(name)
        if self.ranges is None:
            return name
        pair = (
            self.constant(f"scale_{index}", np.array(self.ranges[index] / 127, self.dtype)),
            self.constant(f"zero_{index}", np.array(0, np.int8)),
        )
        return self.op("DequantizeLinear", self.op("QuantizeLinear", name, *pair), *pair)

    def weights(self, shape: tuple[int, ...], axis: int) -> str:
        """Return weights: INT8 with a scale per channel where it is quantised."""
        fan_in = int(np.prod(shape)) // shape[axis]
        values = self.rng.normal(size=shape).astype(np.float32) / np.sqrt(fan_in)
        name = f"weights_{len(self.constants)}"
        if self.ranges is None:
            return self.constant(name, values.astype(self.dtype))
        others = tuple(side for side in range(len(shape)) if side != axis)
        scale: NDArray[Any] = (np.abs(values).max(others, keepdims=True) / 127).astype(self.dtype)
        stored = np.clip(np.rint(values / scale.astype(np.float32)), -127, 127).astype(np.int8)
        zero = self.constant(f"{name}_zero", np.zeros(scale.size, np.int8))
        scales = self.constant(f"{name}_scale", scale.reshape(-1))
        return self.op("DequantizeLinear", self.constant(name, stored), scales, zero, axis=axis)

    def model(self, spec: GraphSpec, output: str) -> ModelProto:
        self.nodes.append(
            helper.make_node("Cast", [output], [spec.outputs[0].name], name="result", to=TensorProto.FLOAT)
        )
        inputs, outputs = (
            [helper.make_tensor_value_info(t.name, _TYPES[t.dtype], t.shape) for t in tensors]
            for tensors in (spec.inputs, spec.outputs)
        )
        graph = helper.make_graph(self.nodes, "tiny", inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model


def draw_foresight(drawing: Drawing) -> ModelProto:
    """Two convolutions with a skip connection, then a linear layer."""
    pixels = drawing.reshape(drawing.op("Transpose", drawing.cast("front"), perm=[2, 0, 1]), 1, 3, HEIGHT, WIDTH)
    pixels = drawing.op("Mul", pixels, drawing.constant("unit", np.array(1 / 255, drawing.dtype)))
    conv = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    first = drawing.op("Relu", drawing.op("Conv", drawing.quantised(pixels), drawing.weights((8, 3, 3, 3), 0), **conv))
    second = drawing.op("Conv", drawing.quantised(first), drawing.weights((8, 8, 3, 3), 0), **conv)
    added = drawing.op("Relu", drawing.op("Add", second, drawing.quantised(first)))
    rows = drawing.reshape(added, TOKENS, 8 * HEIGHT * WIDTH // TOKENS)
    tokens = drawing.op("MatMul", drawing.quantised(rows), drawing.weights((8 * HEIGHT * WIDTH // TOKENS, WIDE), 1))
    told = drawing.op(
        "MatMul", drawing.cast("instruction"), drawing.constant("words", np.eye(2, WIDE, dtype=drawing.dtype))
    )
    return drawing.model(FORESIGHT, drawing.op("Add", tokens, told))


def draw_action(drawing: Drawing) -> ModelProto:
    """A linear layer on the tokens, added to the joints."""
    flat = drawing.reshape(drawing.cast("tokens"), 1, TOKENS * WIDE)
    moved = drawing.op("MatMul", drawing.quantised(flat), drawing.weights((TOKENS * WIDE, HORIZON * JOINTS), 1))
    rows = drawing.op("Tanh", drawing.reshape(moved, HORIZON, JOINTS))
    little = drawing.constant("little", np.array(0.01, drawing.dtype))
    shaken = drawing.op("Mul", drawing.cast("noise"), little)
    aged = drawing.op("Mul", drawing.cast("foresight_age"), little)
    summed = drawing.op("Add", rows, drawing.cast("joints"))
    return drawing.model(ACTION, drawing.op("Add", drawing.op("Add", summed, shaken), aged))


Draw = Callable[[Drawing], ModelProto]
Feeds = dict[str, NDArray[np.generic]]


def run_graph(model: ModelProto, feeds: Feeds, outputs: list[str] | None = None) -> list[NDArray[np.float32]]:
    """Return the outputs of a graph on ONNX Runtime, which computes every node as it stands."""
    options = _ort.SessionOptions()
    options.graph_optimization_level = _ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = _ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(outputs, feeds)]


def measured_ranges(draw: Draw, spec: GraphSpec, samples: Samples) -> list[float]:
    """Return the largest magnitude of every tensor that is to be quantised, in the order of drawing."""
    drawing = Drawing(half=False, ranges=None)
    model = draw(drawing)
    names = sorted(set(drawing.measured))
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    found = dict.fromkeys(names, 0.0)
    for feeds in rows_of(samples, spec):
        for name, value in zip(names, run_graph(model, feeds, names), strict=True):
            found[name] = max(found[name], float(np.abs(value).max()))
    return [found[name] for name in drawing.measured]


def rows_of(samples: Samples, spec: GraphSpec) -> list[Feeds]:
    """Return the inputs of a graph, sample by sample."""
    n_samples = len(samples[spec.inputs[0].name])
    return [{tensor.name: samples[tensor.name][row, ...] for tensor in spec.inputs} for row in range(n_samples)]


def make_samples() -> Samples:
    """Return forty inputs of both graphs, with the tokens that the fp32 foresight makes of them."""
    rng = np.random.default_rng(1)
    n_samples = 40
    made: Samples = {
        "front": rng.integers(0, 256, (n_samples, HEIGHT, WIDTH, 3)).astype(np.uint8),
        "instruction": np.eye(2, dtype=np.float32)[rng.integers(0, 2, n_samples)],
        "joints": rng.uniform(-1, 1, (n_samples, JOINTS)).astype(np.float32),
        "foresight_age": rng.uniform(0, 0.4, n_samples).astype(np.float32),
        "noise": rng.normal(size=(n_samples, HORIZON, JOINTS)).astype(np.float32),
    }
    model = draw_foresight(Drawing(half=False, ranges=None))
    made["tokens"] = np.stack([run_graph(model, feeds)[0] for feeds in rows_of(made, FORESIGHT)])
    return made


def make_models(samples: Samples) -> dict[tuple[str, str], ModelProto]:
    """Return the graphs by (precision, graph); int8 with FP16 around it is trt-int8, with FP32 trt-int8-fp32."""
    made: dict[tuple[str, str], ModelProto] = {}
    for graph, draw, spec in (("foresight", draw_foresight, FORESIGHT), ("action", draw_action, ACTION)):
        ranges = measured_ranges(draw, spec, samples)
        made["fp32", graph] = draw(Drawing(half=False, ranges=None))
        made["fp16", graph] = draw(Drawing(half=True, ranges=None))
        made["trt-int8", graph] = draw(Drawing(half=True, ranges=ranges))
        made["trt-int8-fp32", graph] = draw(Drawing(half=False, ranges=ranges))
    return made


def write_tiny(folder: Path, models: dict[tuple[str, str], ModelProto], samples: Samples) -> Path:
    """Write the bundle, for a robot of two joints, into a new folder, and return that."""
    folder.mkdir()
    positions = np.stack([run_graph(models["fp32", "action"], feeds)[0] for feeds in rows_of(samples, ACTION)])
    few = {**samples, "positions": positions}
    parity = {
        parity_key(graph, tensor.name): few[tensor.name][:4]
        for graph, spec in (("foresight", FORESIGHT), ("action", ACTION))
        for tensor in (*spec.inputs, *spec.outputs)
    }
    np.savez(folder / "parity.npz", allow_pickle=False, **parity)
    write_samples(folder / "heldout.npz", {name: value for name, value in samples.items() if name != "tokens"})
    for (precision, graph), model in models.items():
        if precision != "trt-int8-fp32":
            (folder / f"{graph}.{precision}.onnx").write_bytes(model.SerializeToString())
    (folder / "manifest.toml").write_text(to_toml(tiny_manifest(folder)), encoding="utf-8")
    assert load_manifest(folder) == tiny_manifest(folder)
    return folder


def tiny_manifest(folder: Path) -> BundleManifest:
    """Return the manifest of the files in the folder."""
    artefacts = tuple(
        Artefact(
            precision=precision,
            ready=True,
            foresight=graph_file(folder / f"foresight.{precision}.onnx"),
            action=graph_file(folder / f"action.{precision}.onnx"),
            foresight_max_abs=limit,
            action_max_abs_rad=limit,
        )
        for precision, limit in _PRECISIONS
    )
    return BundleManifest(
        format=2,
        family="test",
        name="tiny",
        joints=("a", "b"),
        instructions=("one", "two"),
        cameras=(CameraSpec(name="front", width_px=WIDTH, height_px=HEIGHT),),
        chunk=ChunkSpec(horizon=HORIZON, step_ms=50.0, first_ms=50.0),
        foresight_age_max_ms=400.0,
        foresight=FORESIGHT,
        action=ACTION,
        artefacts=artefacts,
        parity=hashed(folder / "parity.npz"),
        heldout=hashed(folder / "heldout.npz"),
        provenance=Provenance(commit="unknown", command="test", trained_on="", created="2026-11-21"),
    )


def hashed(path: Path) -> HashedFile:
    """Return name and hash of a file."""
    return HashedFile(file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def graph_file(path: Path) -> GraphFile:
    """Return name and hash of a graph."""
    return GraphFile(file=path.name, sha256=hashed(path).sha256)
