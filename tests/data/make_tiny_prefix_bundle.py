"""Make tests/data/tiny_prefix_bundle: the tiny bundle, with an action graph that takes a committed prefix.

    python tests/data/make_tiny_prefix_bundle.py

Written once and committed, like the tiny bundle it is made from. The action graph:

    positions (16, 6) = prefix in the first prefix_rows rows, in the others what the tiny bundle gives
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

TINY = Path(__file__).parent / "tiny_bundle"
FOLDER = Path(__file__).parent / "tiny_prefix_bundle"
HORIZON = 16
SAMPLE_ROWS = (0.0, 5.0)  # committed rows in the two samples of the parity file


def main() -> None:
    """Write graphs, parity file and manifest."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "foresight.onnx").write_bytes((TINY / "foresight.onnx").read_bytes())
    (FOLDER / "action.onnx").write_bytes(action_graph())
    np.savez_compressed(FOLDER / "parity.npz", **parity())  # pyright: ignore[reportArgumentType] - numpy reads ** as flags
    (FOLDER / "manifest.toml").write_text(manifest(), encoding="utf-8")


def action_graph() -> bytes:
    """Return the tiny action graph with the prefix put over its first rows."""
    model: Any = onnx.load(TINY / "action.onnx")
    graph = model.graph
    for node in graph.node:
        node.output[:] = ["own" if name == "positions" else name for name in node.output]
    graph.initializer.append(numpy_helper.from_array(np.arange(HORIZON, dtype=np.float32)[:, None], "row"))
    graph.node.extend(
        [
            helper.make_node("Less", ["row", "prefix_rows"], ["is_committed"]),
            helper.make_node("Where", ["is_committed", "prefix", "own"], ["positions"]),
        ]
    )
    graph.input.append(helper.make_tensor_value_info("prefix", TensorProto.FLOAT, [HORIZON, 6]))
    graph.input.append(helper.make_tensor_value_info("prefix_rows", TensorProto.FLOAT, []))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def parity() -> dict[str, NDArray[Any]]:
    """Return the samples of the tiny bundle with a prefix, (sample, ...), by parity key."""
    with np.load(TINY / "parity.npz") as archive:
        arrays: dict[str, NDArray[Any]] = dict(archive)
    arrays["action/prefix"] = np.random.default_rng(11).uniform(-1, 1, (2, HORIZON, 6)).astype(np.float32)
    arrays["action/prefix_rows"] = np.array(SAMPLE_ROWS, np.float32)
    session: Any = onnxruntime.InferenceSession(str(FOLDER / "action.onnx"), providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    arrays["action/positions"] = np.stack(
        [session.run(None, {name: arrays[f"action/{name}"][sample, ...] for name in names})[0] for sample in range(2)]
    )
    return arrays


def manifest() -> str:
    """Return the manifest of the tiny bundle, with the two inputs, and hashes of its own."""
    text = (TINY / "manifest.toml").read_text(encoding="utf-8")
    for file in ("action.onnx", "parity.npz"):
        text = text.replace(_sha256(TINY / file), _sha256(FOLDER / file))
    noise = f'  {{ name = "noise", shape = [{HORIZON}, 6], dtype = "float32" }},\n'
    prefix = noise.replace("noise", "prefix") + '  { name = "prefix_rows", shape = [], dtype = "float32" },\n'
    text = text.replace(noise, noise + prefix).replace('name = "tiny"', 'name = "tiny-prefix"')
    return text.replace("make_tiny_bundle", "make_tiny_prefix_bundle")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
