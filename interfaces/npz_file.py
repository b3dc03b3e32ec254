"""Reading the arrays of an .npz that somebody else wrote: only numbers, never pickles, never more memory than was allowed.

An .npz is a zip file of .npy members (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). Both formats let a
file claim sizes that it does not have, so each is held against what is really there before memory is taken for it.
"""

from __future__ import annotations

import io
import math
import struct
import tokenize
import zipfile
import zlib
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import ConfigError

Arrays = dict[str, NDArray[Any]]

SIZE_MAX_BYTES = 2 * 2**30  # of all arrays together, unpacked: a quarter of the smallest board's memory
_MEMBERS_MAX = 1000
NUMBERS = "biuf"  # kinds of element: truth values and numbers
_EXPECTED = "a readable .npz of numbers, without pickles"

# What zipfile and numpy were seen to raise on damaged bytes.
_UNREADABLE = (
    ValueError, OSError, EOFError, LookupError, NotImplementedError, RuntimeError, MemoryError, ArithmeticError, TypeError,
    AttributeError, SyntaxError, tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def read_npz(file: str, data: bytes, size_max_bytes: int = SIZE_MAX_BYTES) -> Arrays:
    """Return the arrays in the bytes of an .npz by name, not writable.

    Raises ConfigError naming `file` and what is wrong: damaged, not an .npz, objects in place of numbers, or more than
    `size_max_bytes` when unpacked.
    """
    if data.startswith(b"\x93NUMPY"):
        raise ConfigError(file, "file", "it holds a single array", _EXPECTED)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_members(file, members, size_max_bytes)
            return {_key(member): _array(archive, member) for member in members}
    except _UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__  # some of numpy's have several lines
        raise ConfigError(file, "file", f"damaged, or of another kind: {reason}", _EXPECTED) from error


def _check_members(file: str, members: list[zipfile.ZipInfo], size_max_bytes: int) -> None:
    size_bytes = sum(member.file_size for member in members)
    if size_bytes > size_max_bytes or len(members) > _MEMBERS_MAX:
        found = f"{len(members)} arrays of {size_bytes} bytes when unpacked"
        raise ConfigError(file, "file", found, f"at most {_MEMBERS_MAX} arrays of {size_max_bytes} bytes")
    names = [member.filename for member in members]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} is in it twice")


def _key(member: zipfile.ZipInfo) -> str:
    if not member.filename.endswith(".npy"):
        raise ValueError(f"{member.filename!r} is no array")
    return member.filename.removesuffix(".npy")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Return one array; its memory is the member's, so nothing is taken because a header says so."""
    with archive.open(member) as packed:
        # Never more than the directory says, however far the packed bytes would go.
        content = packed.read(member.file_size + 1)
    stream = io.BytesIO(content)
    shape, in_columns, dtype = _header(stream)
    if dtype.kind not in NUMBERS or dtype.itemsize == 0:
        what = "Python objects" if dtype.hasobject else str(dtype)
        raise ValueError(f"{member.filename} holds {what}, not numbers")
    start = stream.tell()
    if min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize != len(content) - start:
        raise ValueError(f"{member.filename} says it is {dtype} {shape}, and holds {len(content) - start} bytes")
    flat: NDArray[Any] = np.frombuffer(content, dtype, offset=start)
    return flat.reshape(shape, order="F" if in_columns else "C")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether it is stored column by column, and element type."""
    fmt = cast("Any", np.lib.format)  # partly typed
    version = fmt.read_magic(stream)
    if version not in {(1, 0), (2, 0)}:
        raise ValueError(f"an array of .npy version {version}")
    return fmt.read_array_header_1_0(stream) if version == (1, 0) else fmt.read_array_header_2_0(stream)
