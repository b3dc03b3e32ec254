"""Pictures of one camera in little room and to the last bit: lossless WebP, one after the other in one run of bytes.

In about a fiftieth of their room for the simulated camera (6 kB each of 424 x 240); a real camera's noise leaves half. Lossless WebP:
https://developers.google.com/speed/webp/docs/webp_lossless_bitstream_specification, sections 2 and 3.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import ConfigError

SIDE_MAX_PX = 8192  # of a picture; the format itself ends at 16384
_METHOD = 2  # of Pillow's 0..6: about 20 ms a picture of 424 x 240; 6 takes 20 times as long and saves a fiftieth
_VP8L_HEADER_BYTES = 25


@dataclass(frozen=True, slots=True)
class PackedPictures:
    """Pictures that were looked at, and not unpacked yet."""

    file: str  # where they come from, ...
    name: str  # ... and of which camera, for messages
    blobs: tuple[bytes, ...]
    height_px: int
    width_px: int
    n_history: int | None = None  # pictures a sample, one after the other; None: one, without an axis of its own

    @property
    def unpacked_bytes(self) -> int:
        """Return how much memory they take when unpacked."""
        return len(self.blobs) * self.height_px * self.width_px * 3

    def unpack(self) -> NDArray[np.uint8]:
        """Return the pictures, (sample, height, width, 3) or (sample, n_history, height, width, 3).

        Raises ConfigError naming the one that is damaged.
        """
        n_history = self.n_history or 1
        pictures = np.empty((len(self.blobs), self.height_px, self.width_px, 3), np.uint8)
        for index, blob in enumerate(self.blobs):
            pictures[index] = _unpacked(self.file, f"{self.name}, sample {index // n_history}", blob)
        return pictures if self.n_history is None else pictures.reshape(-1, n_history, *pictures.shape[1:])


def is_pictures(array: NDArray[Any]) -> bool:
    """Return whether an array is pictures, uint8 (sample, height, width, 3) or (sample, n_history, height, width, 3)."""
    return array.dtype == np.uint8 and array.ndim in {4, 5} and array.shape[-1] == 3


def n_pictures(array: NDArray[Any]) -> int:
    """Return how many pictures an array of them holds."""
    return int(np.prod(array.shape[:-3]))


def pack_pictures(
    pictures: NDArray[np.uint8], done: Callable[[int], None]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes of all pictures, (byte,), and where each ends, (sample,) or (sample, n_history).

    `done` is told how many are packed.
    """
    blobs: list[bytes] = []
    for picture in pictures.reshape(-1, *pictures.shape[-3:]):
        blobs.append(_packed(picture))
        done(len(blobs))
    ends = np.cumsum([len(blob) for blob in blobs], dtype=np.int64)
    return np.frombuffer(b"".join(blobs), np.uint8), ends.reshape(pictures.shape[:-3])


def look_at_pictures(file: str, name: str, joined: NDArray[Any], ends: NDArray[Any]) -> PackedPictures:
    """Return the pictures that `pack_pictures` packed, by their headers alone: before memory is taken for any of them.

    Raises ConfigError naming file, camera and sample where they are no lossless WebP, or of different sizes.
    """
    if joined.dtype != np.uint8 or joined.ndim != 1:
        raise ConfigError(file, name, f"{joined.dtype} {joined.shape}", "pictures as uint8 (byte,)")
    sound = ends.dtype == np.int64 and ends.ndim in {1, 2} and ends.size > 0
    n_history = ends.shape[1] if ends.ndim > 1 else None
    told, ends = f"ends {ends.dtype} {ends.shape}", ends.reshape(-1)
    if not sound or ends[0] < 1 or (ends[1:] <= ends[:-1]).any() or ends[-1] != len(joined):
        raise ConfigError(file, name, told, f"ends as rising int64 up to {len(joined)}")
    data = joined.tobytes()
    blobs = tuple(data[start:end] for start, end in pairwise((0, *map(int, ends))))
    height_px, width_px = first = _size_px(file, f"{name}, sample 0", blobs[0])
    for index, blob in enumerate(blobs):
        key = f"{name}, sample {index // (n_history or 1)}"
        found = _size_px(file, key, blob)
        if found != first:
            raise ConfigError(file, key, f"{found[1]} x {found[0]}", f"{width_px} x {height_px} as the first")
    return PackedPictures(file, name, blobs, height_px, width_px, n_history)


def _packed(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image  # who reads a manifest needs no pictures

    written = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(written, "WEBP", lossless=True, method=_METHOD)
    return written.getvalue()


def _size_px(file: str, key: str, blob: bytes) -> tuple[int, int]:
    """Return height and width, as the header says."""
    whole = len(blob) >= _VP8L_HEADER_BYTES and int.from_bytes(blob[4:8], "little") == len(blob) - 8
    if not whole or (blob[:4], blob[8:16], blob[20]) != (b"RIFF", b"WEBPVP8L", 0x2F):
        raise ConfigError(file, key, f"{blob[:16]!r}...", "a whole picture in lossless WebP, with nothing beside it")
    bits = int.from_bytes(blob[21:25], "little")
    height_px, width_px = (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if max(height_px, width_px) > SIDE_MAX_PX:
        raise ConfigError(file, key, f"{width_px} x {height_px}", f"at most {SIDE_MAX_PX} pixels a side")
    return height_px, width_px


def _unpacked(file: str, key: str, blob: bytes) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(blob), formats=["WEBP"]) as image:
            picture = np.asarray(image)
    except (OSError, ValueError, RuntimeError, SyntaxError, EOFError, MemoryError) as error:
        raise ConfigError(file, key, f"damaged: {error}", "a picture in lossless WebP") from error
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ConfigError(file, key, f"a picture of {picture.shape}", "red, green and blue alone")
    return picture
