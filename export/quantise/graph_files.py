"""Graph files: in one piece, or above protobuf's 2 GB with their weights beside them."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import ModelProto

from interfaces.bundle_artefact import WEIGHTS_SUFFIX
from interfaces.errors import BundleError

# Protobuf ends at 2 GiB; the rest of the graph needs room, too.
ONE_PIECE_MAX_BYTES = 1_900_000_000
_SMALL_BYTES = 1024  # tensors below stay in the graph's own file: shapes, axes, scales


def weights_bytes(model: ModelProto) -> int:
    """Return the size of all weights of a graph in memory."""
    return sum(tensor.ByteSize() for tensor in model.graph.initializer)


def read_graph(path: Path) -> ModelProto:
    """Return the graph in a file, with its weights; raises BundleError naming the file."""
    try:
        return onnx.load(path)
    except Exception as error:
        raise BundleError(f"{path.name}: not a readable ONNX graph: {error}") from error


def write_graph(model: ModelProto, path: Path) -> Path | None:
    """Write a graph; where it is too large for one file, its weights go beside it, and their file is returned.

    The weights of a large model are moved out of `model`, not copied: its tensors then name the file.
    """
    if weights_bytes(model) <= ONE_PIECE_MAX_BYTES:
        onnx.save(model, path)
        return None
    weights = path.with_name(path.name + WEIGHTS_SUFFIX)
    weights.unlink(missing_ok=True)  # onnx appends
    onnx.save(model, path, save_as_external_data=True, location=weights.name, size_threshold=_SMALL_BYTES)
    return weights
