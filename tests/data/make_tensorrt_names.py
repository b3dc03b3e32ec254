"""Make tests/data/tensorrt_names: the names that the Python bindings of TensorRT 10.3, 10.16 and 11.4 carry.

    python tests/data/make_tensorrt_names.py

Written once and committed, so that no test but one downloads anything: the names are facts, the wheels are NVIDIA's. TensorRT itself
cannot be had from the package index, its bindings can, a megabyte each, and cannot be imported without the rest. But every class,
method, property and enumerator of a pybind11 extension is registered by a C string, so that the strings that its code points to are
its names, among others: whatever else looks like a name (documentation of one word, parts of messages) is in the list too. Following
the pointers, and not cutting at zero bytes, matters: linkers store `size` inside of `device_memory_size`.
The list is flat: that a name belongs to this class or that, it does not say.
"""

from __future__ import annotations

import ast
import re
import struct
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "tensorrt_names"


@dataclass(frozen=True)
class Wheel:
    """The bindings of one version on the package index."""

    version: str
    package: str
    release: str
    python: str


WHEELS = (
    Wheel("10.3.0", "tensorrt-cu12-bindings", "10.3.0", "3.10"),  # JetPack 6.2
    Wheel("10.16.1", "tensorrt-cu13-bindings", "10.16.1.11", "3.12"),  # JetPack 7.2
    Wheel("11.4.0", "tensorrt-cu13-bindings", "11.4.0.106", "3.12"),
)
_PLATFORMS = ("manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "manylinux_2_35_x86_64")
_MANGLED = re.compile(r"\d(nvinfer1|nvonnxparser|pybind11|tensorrt)|St\d|^P?F[a-zS]\w*E$")  # types of C++
_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{1,59}\0")


def main() -> None:
    """Download the wheels and write a sorted list of names for each."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for wheel in WHEELS:
            names = names_in(download(wheel, Path(folder)))
            (FOLDER / f"{wheel.version}.txt").write_text(compact(names), encoding="ascii")


def download(wheel: Wheel, folder: Path) -> Path:
    """Return the downloaded wheel in `folder`; raises CalledProcessError where there is no network."""
    platforms = [part for platform in _PLATFORMS for part in ("--platform", platform)]
    python = ["--python-version", wheel.python, "--implementation", "cp"]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *platforms, *python]
    subprocess.run([*pip, "--dest", str(folder), f"{wheel.package}=={wheel.release}"], check=True, capture_output=True)
    (found,) = folder.glob(f"{wheel.package.replace('-', '_')}-{wheel.release}-*.whl")
    return found


def names_in(wheel: Path) -> set[str]:
    """Return the names that the extension registers, and those that the Python files around it define."""
    with zipfile.ZipFile(wheel) as archive:
        (extension,) = (name for name in archive.namelist() if name.endswith("/tensorrt.so"))
        python = archive.read(extension.replace("/tensorrt.so", "/__init__.py")).decode()
        return names_in_extension(archive.read(extension)) | names_in_python(python)


def names_in_python(source: str) -> set[str]:
    """Return what a Python file defines at its top."""
    defined: set[str] = set()
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            defined.add(statement.name)
        elif isinstance(statement, ast.Assign):
            defined |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return defined


def names_in_extension(data: bytes) -> set[str]:
    """Return the identifiers that the code of an x86-64 extension, or a table in it, points to."""
    sections = _sections(data)
    text_address, text_offset, text_size = sections[".text"]
    rodata_address, rodata_offset, rodata_size = sections[".rodata"]
    code = np.frombuffer(data, np.uint8, text_size, text_offset)
    pointed = np.concatenate([_loaded_addresses(code, text_address), _table_addresses(data, sections)])
    inside = pointed[(pointed >= rodata_address) & (pointed < rodata_address + rodata_size)]
    found: set[str] = set()
    for offset in np.unique(inside) - rodata_address + rodata_offset:
        name = _NAME.match(data, int(offset))
        if name and not _MANGLED.search(text := name.group()[:-1].decode()):
            found.add(text)
    return found


def compact(names: set[str]) -> str:
    """Return a sorted list of names as text."""
    return textwrap.fill(" ".join(sorted(names)), 120, break_long_words=False) + "\n"


def _loaded_addresses(code: NDArray[np.uint8], address: int) -> NDArray[np.int64]:
    """Return what `lea register, [rip + distance]` loads, wherever it stands."""
    prefix, operation, registers = code[:-6], code[1:-5], code[2:-4]
    starts = np.flatnonzero(((prefix == 0x48) | (prefix == 0x4C)) & (operation == 0x8D) & ((registers & 0xC7) == 0x05))
    distance = sum(code[starts + 3 + byte].astype(np.uint32) << np.uint32(8 * byte) for byte in range(4))
    return starts + address + 7 + np.asarray(distance, np.uint32).view(np.int32)


def _table_addresses(data: bytes, sections: dict[str, tuple[int, int, int]]) -> NDArray[np.int64]:
    """Return the addresses that the loader writes into tables: the addends of relative relocations."""
    _, offset, size = sections[".rela.dyn"]
    return np.frombuffer(data, np.int64, size // 8, offset).reshape(-1, 3)[:, 2]


def _sections(data: bytes) -> dict[str, tuple[int, int, int]]:
    """Return address, offset and size of the sections of an ELF file of 64 bits."""
    (table,) = struct.unpack_from("<Q", data, 0x28)
    entry, count, names_index = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, table + entry * index) for index in range(count)]
    names_offset = headers[names_index][4]
    sections: dict[str, tuple[int, int, int]] = {}
    for name, _, _, address, offset, size in headers:
        start = names_offset + name
        sections[data[start : data.index(b"\0", start)].decode()] = (address, offset, size)
    return sections


if __name__ == "__main__":
    main()
