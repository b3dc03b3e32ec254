"""Sample files: real inputs of a policy's two graphs, for quantisation and for the gates, small enough to travel in a bundle.

A sample file is an .npz without pickles. Every tensor has one leading sample axis, the same for all. Pictures, uint8 (sample, height,
width, 3), or (sample, n_history, height, width, 3) for a policy that looks back, are packed (interfaces/packed_pictures.py):

    front.webp         uint8 (byte,): the pictures of tensor `front`, one after the other
    front.webp_ends    int64 (sample,) or (sample, n_history): where each of them ends
    joints, noise ...  all other tensors as they are
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interfaces.bundle_manifest import BundleManifest, TensorSpec
from interfaces.durable import write_whole
from interfaces.errors import ConfigError
from interfaces.graph_contract import TOKENS
from interfaces.npz_file import NUMBERS, SIZE_MAX_BYTES, Arrays, read_npz
from interfaces.packed_pictures import (
    SIDE_MAX_PX,
    PackedPictures,
    is_pictures,
    look_at_pictures,
    n_pictures,
    pack_pictures,
)
from interfaces.progress import Progress

Samples = dict[str, NDArray[Any]]  # by tensor name, (sample, ...)

_BLOBS, _ENDS = ".webp", ".webp_ends"


def input_tensors(manifest: BundleManifest) -> tuple[TensorSpec, ...]:
    """Return the tensors that a sample file for this bundle holds: every input of both graphs but the tokens between them."""
    return tuple(
        tensor for graph in (manifest.foresight, manifest.action) for tensor in graph.inputs if tensor.name != TOKENS
    )


def write_samples(path: Path, samples: Mapping[str, NDArray[Any]], progress: Progress | None = None) -> None:
    """Write the samples to `path`, whole or not at all; the same samples give the same bytes.

    `progress` is told of every picture, which takes about 20 ms. Raises ConfigError naming the tensor that cannot be in a sample
    file, and OSError.
    """
    file = str(path)
    _check_size(file, {name: array.nbytes for name, array in samples.items()})
    _count(file, samples)
    total = sum(n_pictures(array) for array in samples.values() if is_pictures(array))
    before = 0
    arrays: dict[str, Any] = {}
    for name, array in samples.items():
        _check_tensor(file, name, array)
        if not is_pictures(array):
            arrays[name] = array
            continue

        def tell(done: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, total, path.name)

        arrays[name + _BLOBS], arrays[name + _ENDS] = pack_pictures(array, tell)
        before += n_pictures(array)
    written = io.BytesIO()
    np.savez_compressed(written, allow_pickle=False, **arrays)
    write_whole(path, written.getvalue())


def read_samples(source: Path | bytes, file: str = "sample file") -> Samples:
    """Return the samples in a file, or in its bytes, in which case `file` is its name in messages; they are not to be written to.

    Raises ConfigError naming the file, the tensor and what is wrong with it. Takes at most 2 GiB, whatever the file says.
    """
    if isinstance(source, Path):
        file, source = str(source), _content(source)
    arrays = read_npz(file, source)
    pictures = _pictures(file, arrays)
    samples: Samples = {key: array for key, array in arrays.items() if not key.endswith((_BLOBS, _ENDS))}
    both = sorted(samples.keys() & pictures.keys())
    if both:
        raise ConfigError(file, "tensor", ", ".join(both), "each tensor once, as pictures or as it is")
    sizes_bytes = {name: array.nbytes for name, array in samples.items()}
    _check_size(file, {**sizes_bytes, **{name: packed.unpacked_bytes for name, packed in pictures.items()}})
    samples.update({name: packed.unpack() for name, packed in pictures.items()})
    _count(file, samples)
    return samples


def check_samples(file: str, samples: Samples, manifest: BundleManifest) -> int:
    """Return how many samples there are for this bundle; raises ConfigError naming the tensor that is missing or differs."""
    tensors = input_tensors(manifest)
    for tensor in tensors:
        array = samples.get(tensor.name)
        wanted = f"{tensor.dtype} ({', '.join(['sample', *map(str, tensor.shape)])})"
        if array is None:
            raise ConfigError(file, tensor.name, None, f"an input of bundle {manifest.name}, {wanted}")
        if array.shape[1:] != tensor.shape or array.dtype != np.dtype(tensor.dtype):
            expected = f"{wanted}, as bundle {manifest.name} takes"
            raise ConfigError(file, tensor.name, f"{array.dtype} {array.shape}", expected)
    names = {tensor.name for tensor in tensors}
    strange = sorted(samples.keys() - names)
    if strange:
        expected = f"only inputs of bundle {manifest.name}: {', '.join(sorted(names))}"
        raise ConfigError(file, "tensor", ", ".join(strange), expected)
    return _count(file, samples)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            data = opened.read(SIZE_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror, "a readable sample file") from error
    if len(data) > SIZE_MAX_BYTES:
        raise ConfigError(str(path), "file", "too large", f"at most {SIZE_MAX_BYTES} bytes")
    return data


def _pictures(file: str, arrays: Arrays) -> dict[str, PackedPictures]:
    """Return the packed pictures by tensor name."""
    names = {key.removesuffix(suffix) for suffix in (_BLOBS, _ENDS) for key in arrays if key.endswith(suffix)}
    for key in sorted(name + suffix for name in names for suffix in (_BLOBS, _ENDS)):
        if key not in arrays:
            raise ConfigError(file, key, None, "the pictures of a tensor, and where each of them ends")
    return {name: look_at_pictures(file, name, arrays[name + _BLOBS], arrays[name + _ENDS]) for name in sorted(names)}


def _check_tensor(file: str, name: str, array: NDArray[Any]) -> None:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(file, "tensor", name, "letters, digits, - and _")
    if array.dtype.kind not in NUMBERS:
        raise ConfigError(file, name, str(array.dtype), "numbers")
    if is_pictures(array) and not 1 <= min(array.shape[1:-1]) <= max(array.shape[-3:-1]) <= SIDE_MAX_PX:
        raise ConfigError(file, name, array.shape, f"pictures of 1 to {SIDE_MAX_PX} pixels a side")


def _count(file: str, samples: Mapping[str, NDArray[Any]]) -> int:
    counts = {name: len(array) if array.ndim else 0 for name, array in samples.items()}
    if len(set(counts.values())) != 1 or not min(counts.values(), default=0):
        told = ", ".join(f"{n} of {name}" for name, n in counts.items()) or "none"
        raise ConfigError(file, "samples", told, "as many of every tensor, 1 or more")
    return min(counts.values())


def _check_size(file: str, sizes_bytes: Mapping[str, int]) -> None:
    if sum(sizes_bytes.values()) > SIZE_MAX_BYTES:
        largest = max(sizes_bytes, key=sizes_bytes.__getitem__)
        found = f"{sum(sizes_bytes.values())} bytes when unpacked, most of it {largest}"
        raise ConfigError(file, "file", found, f"at most {SIZE_MAX_BYTES} bytes")
