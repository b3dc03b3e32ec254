"""Small files of the kernel and of the system, read so that nothing in them can hurt: bounded, never waiting, whatever bytes they hold."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

_BYTES_MAX = 1 << 18


def text(path: Path, bytes_max: int = _BYTES_MAX) -> str | None:
    """Return what a file says, without the white space around it; None where it cannot be read, or is no file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe would wait for its writer
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        return _all_of(fd, bytes_max).decode("utf-8", "replace").strip("\0 \t\r\n")
    except OSError:
        return None
    finally:
        os.close(fd)


def words(path: Path) -> list[str]:
    """Return the words of a file."""
    return (text(path) or "").split()


def lines(path: Path, bytes_max: int = _BYTES_MAX) -> list[str]:
    """Return the lines of a file; none where it cannot be read."""
    return (text(path, bytes_max) or "").splitlines()


def number(path: Path) -> int | None:
    """Return the whole number that a file holds; None for anything else."""
    return whole(text(path))


def whole(word: str | None) -> int | None:
    """Return a word as a whole number; None for anything else."""
    digits = (word or "").strip().removeprefix("-")
    plain = digits.isascii() and digits.isdecimal() and len(digits) <= 20  # 64 bits: no kernel says more
    return int((word or "").strip()) if plain else None


def table(path: Path, separator: str = ":", bytes_max: int = _BYTES_MAX) -> dict[str, str]:
    """Return the values of a file with lines as "MemTotal:  7802880 kB", by name."""
    rows = (line.partition(separator) for line in lines(path, bytes_max))
    return {name.strip(): value.strip() for name, found, value in rows if found}


def entries(folder: Path, pattern: str = "*") -> list[Path]:
    """Return what lies in a folder and fits the pattern, by name; nothing where it cannot be looked into."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def below(root: Path, path: str | Path) -> Path:
    """Return an absolute path as it lies below `root`."""
    return root / str(path).lstrip("/")


def numbers(paths: Iterator[Path] | list[Path]) -> list[int]:
    """Return the numbers in those files that hold one."""
    return [value for value in map(number, paths) if value is not None]


def _all_of(fd: int, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    left = bytes_max
    while left > 0 and (part := os.read(fd, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
