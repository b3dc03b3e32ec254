"""Make tests/data/tiny_svam: the graphs of a very small S-VAM as torch exports them, without their weights.

    python tests/data/make_tiny_svam.py

Written once and committed, because torch takes half a minute to export them: what TensorRT has to take is every operator of the video
model, the decouplers and the action expert, not their weights. `filled` gives back a graph to work with, with random weights.
"""

from __future__ import annotations

import lzma
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnx.shape_inference
from onnx import ModelProto, TensorProto, numpy_helper

FOLDER = Path(__file__).parent / "tiny_svam"
GRAPHS = ("foresight", "action")
_SMALL_ELEMENTS = 64  # constants of shapes, axes, scales


def main() -> None:
    """Export both graphs, take their weights out, and write them."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        export(Path(folder))
        for name in GRAPHS:
            model = onnx.load(Path(folder) / f"{name}.onnx")
            (FOLDER / f"{name}.onnx.xz").write_bytes(lzma.compress(hollowed(model).SerializeToString(), preset=9))


def export(folder: Path) -> None:
    """Write both graphs of a very small S-VAM with random weights."""
    from export.svam import TRIAL_INSTRUCTIONS, TRIAL_JOINTS, random_policy, random_samples, write_graphs
    from models.svam.config import SvamConfig

    config = SvamConfig.small(
        joints=TRIAL_JOINTS, instructions=TRIAL_INSTRUCTIONS,
        unet_channels=(32, 32), unet_heads=(1, 1), vae_channels=(32, 32, 32, 32), n_frames=2,
        decoupler_blocks=1, condenser_layers=1, encoder_blocks=1, decoder_blocks=1,
    )  # fmt: skip
    write_graphs(random_policy(config), random_samples(config, 2), folder)


def hollowed(model: ModelProto) -> ModelProto:
    """Return a graph without the values of its weights; their shapes stay."""
    del model.graph.value_info[:]
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and int(np.prod(tensor.dims, dtype=np.int64)) > _SMALL_ELEMENTS:
            tensor.ClearField("raw_data")
    return model


def filled(name: str) -> ModelProto:
    """Return a graph of the folder with random weights where its own were taken out, the same each time."""
    model = onnx.load_from_string(lzma.decompress((FOLDER / f"{name}.onnx.xz").read_bytes()))
    rng = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and not tensor.raw_data and not tensor.float_data:
            spread = 1.0 / max(int(np.prod(tensor.dims[1:], dtype=np.int64)), 1) ** 0.5
            values = rng.normal(0.0, spread, tuple(tensor.dims)).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return onnx.shape_inference.infer_shapes(model)


if __name__ == "__main__":
    main()
