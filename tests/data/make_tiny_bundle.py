"""Make tests/data/tiny_bundle: two graphs small enough to work out by hand, for robots/simulated.toml.

    python tests/data/make_tiny_bundle.py

Written once and committed, so that the tests of the runtime need no onnx. The graphs:

    tokens (2, 4)    = mean red, green, blue (0..1), instruction one-hot (4), 1
    positions (16,6) = joints + ramp(row) * (tokens . W + foresight_age) + 0.001 * noise;  ramp = row / 16
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent / "tiny_bundle"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
INSTRUCTIONS = ("reach", "push", "press", "lift")
HORIZON = 16
WIDTH_PX, HEIGHT_PX = 424, 240
FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8

Arrays = dict[str, NDArray[Any]]


def main() -> None:
    """Write graphs, parity file and manifest."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "foresight.onnx").write_bytes(foresight_graph())
    (FOLDER / "action.onnx").write_bytes(action_graph())
    np.savez_compressed(FOLDER / "parity.npz", **parity())  # pyright: ignore[reportArgumentType] - numpy reads ** as flags
    (FOLDER / "manifest.toml").write_text(manifest(), encoding="utf-8")


def foresight_graph() -> bytes:
    """Return the graph from picture and instruction to tokens."""
    nodes = [
        helper.make_node("Cast", ["front"], ["pixels"], to=FLOAT),
        # Row by row: one float32 sum over the whole picture is off by a thousandth, differently on every processor.
        helper.make_node("ReduceMean", ["pixels"], ["rows"], axes=[1], keepdims=0),
        helper.make_node("ReduceMean", ["rows"], ["mean"], axes=[0], keepdims=0),
        helper.make_node("Div", ["mean", "white"], ["colour"]),
        helper.make_node("Concat", ["colour", "instruction", "one"], ["flat"], axis=0),
        helper.make_node("Reshape", ["flat", "tokens_shape"], ["tokens"]),
    ]
    constants: Arrays = {"white": _float32([255]), "one": _float32([1]), "tokens_shape": np.array([2, 4], np.int64)}
    inputs = [
        helper.make_tensor_value_info("front", UINT8, [HEIGHT_PX, WIDTH_PX, 3]),
        helper.make_tensor_value_info("instruction", FLOAT, [4]),
    ]
    return _model("foresight", nodes, inputs, helper.make_tensor_value_info("tokens", FLOAT, [2, 4]), constants)


def action_graph() -> bytes:
    """Return the graph from tokens, joints, age and noise to positions."""
    nodes = [
        helper.make_node("Reshape", ["tokens", "flat_shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["way"]),
        helper.make_node("Add", ["way", "foresight_age"], ["aged"]),
        helper.make_node("Mul", ["ramp", "aged"], ["rows"]),
        helper.make_node("Add", ["rows", "joints"], ["placed"]),
        helper.make_node("Mul", ["noise", "small"], ["jitter"]),
        helper.make_node("Add", ["placed", "jitter"], ["positions"]),
    ]
    constants: Arrays = {
        "flat_shape": np.array([1, 8], np.int64),
        "weights": weights(),
        "ramp": np.arange(HORIZON, dtype=np.float32)[:, None] / HORIZON,
        "small": _float32([0.001]),
    }
    inputs = [
        helper.make_tensor_value_info("tokens", FLOAT, [2, 4]),
        helper.make_tensor_value_info("joints", FLOAT, [6]),
        helper.make_tensor_value_info("foresight_age", FLOAT, []),
        helper.make_tensor_value_info("noise", FLOAT, [HORIZON, 6]),
    ]
    return _model("action", nodes, inputs, helper.make_tensor_value_info("positions", FLOAT, [HORIZON, 6]), constants)


def weights() -> NDArray[np.float32]:
    """Return W, (token feature, joint)."""
    return _float32(np.random.default_rng(7).uniform(-0.2, 0.2, (8, 6)))


def parity() -> Arrays:
    """Return two samples of every input and output, (sample, ...), by parity key."""
    generator = np.random.default_rng(5)
    colours = generator.integers(0, 256, (2, 1, 1, 3), np.uint8)
    foresight: Arrays = {
        "front": np.broadcast_to(colours, (2, HEIGHT_PX, WIDTH_PX, 3)).copy(),
        "instruction": np.eye(4, dtype=np.float32)[:2],
    }
    foresight["tokens"] = _run("foresight", foresight)
    action: Arrays = {
        "tokens": foresight["tokens"],
        "joints": _float32(generator.uniform(-1, 1, (2, 6))),
        "foresight_age": _float32([0.05, 0.3]),
        "noise": generator.standard_normal((2, HORIZON, 6), np.float32),
    }
    action["positions"] = _run("action", action)
    return {f"foresight/{key}": value for key, value in foresight.items()} | {
        f"action/{key}": value for key, value in action.items()
    }


def manifest() -> str:
    """Return the manifest's text."""
    return f"""# Made by tests/data/make_tiny_bundle.py
format = 2
family = "tiny"
name = "tiny"
joints = {_strings(JOINTS)}
instructions = {_strings(INSTRUCTIONS)}
foresight_age_max_ms = 500.0

[[cameras]]
name = "front"
width_px = {WIDTH_PX}
height_px = {HEIGHT_PX}

[chunk]
horizon = {HORIZON}
step_ms = 50.0
first_ms = 50.0

[foresight]
inputs = [
  {{ name = "front", shape = [{HEIGHT_PX}, {WIDTH_PX}, 3], dtype = "uint8" }},
  {{ name = "instruction", shape = [4], dtype = "float32" }},
]
outputs = [{{ name = "tokens", shape = [2, 4], dtype = "float32" }}]

[action]
inputs = [
  {{ name = "tokens", shape = [2, 4], dtype = "float32" }},
  {{ name = "joints", shape = [6], dtype = "float32" }},
  {{ name = "foresight_age", shape = [], dtype = "float32" }},
  {{ name = "noise", shape = [{HORIZON}, 6], dtype = "float32" }},
]
outputs = [{{ name = "positions", shape = [{HORIZON}, 6], dtype = "float32" }}]

[parity]
file = "parity.npz"
sha256 = "{_sha256("parity.npz")}"

[[artefacts]]
precision = "fp32"
ready = true
foresight = {{ file = "foresight.onnx", sha256 = "{_sha256("foresight.onnx")}" }}
action = {{ file = "action.onnx", sha256 = "{_sha256("action.onnx")}" }}
foresight_max_abs = 1e-4
action_max_abs_rad = 1e-4

[provenance]
commit = ""
command = "python tests/data/make_tiny_bundle.py"
trained_on = "nothing"
created = "2026-11-20"
"""


def _float32(values: ArrayLike) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _model(name: str, nodes: list[Any], inputs: list[Any], output: Any, constants: Arrays) -> bytes:
    initializers = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, name, inputs, [output], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _run(graph: str, samples: Arrays) -> NDArray[np.float32]:
    session: Any = onnxruntime.InferenceSession(str(FOLDER / f"{graph}.onnx"), providers=["CPUExecutionProvider"])
    count = len(next(iter(samples.values())))
    return np.stack(
        [session.run(None, {key: value[i, ...] for key, value in samples.items()})[0] for i in range(count)]
    )


def _sha256(file: str) -> str:
    return hashlib.sha256((FOLDER / file).read_bytes()).hexdigest()


def _strings(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


if __name__ == "__main__":
    main()
