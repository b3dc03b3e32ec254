"""Changing the cache of engines: one program at a time, an entry is there whole or not at all, and what is foreign can be swept out.

Plans come first, each under a name of its content; the record that names them comes last, in one step. Broken off anywhere, the entry is
the one from before, or none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from interfaces.durable import sync_folder, write_whole
from interfaces.engine_cache import EngineCache, Entry
from interfaces.engine_record import RECORD_FILE, Board, EngineRecord
from interfaces.errors import ForerunError, RefusedError
from interfaces.toml_writer import to_toml
from interfaces.trusted_path import Trust, read_trusted, require_trusted_folders

_LOCK = ".lock"
_SCRATCH = ".build-"
_TIMING = "timing-"
_DIGITS = 12  # of a plan's hash in its name
_PART_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it lies there."""

    name: str
    entry: Entry | None
    fault: str  # why it is not believed; empty where it is
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Bench:
    """The cache, held against other programs."""

    cache: EngineCache

    @contextlib.contextmanager
    def scratch(self) -> Generator[Path, None, None]:
        """Give a folder to work in, on the same disk; it is gone afterwards, however that came about."""
        folder = self.cache.folder / f"{_SCRATCH}{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def store(self, record: EngineRecord, plans: Mapping[Path, str]) -> Entry:
        """Put plans, each under the name that the record gives it, and then the record. Raises OSError."""
        folder = self.cache.folder / record.key.name
        if not folder.is_dir():
            folder.unlink(missing_ok=True)  # a file cannot be an entry
            folder.mkdir()
            folder.chmod(_folder_mode())
            sync_folder(folder.parent)
        for path, name in plans.items():
            with path.open("rb") as file:
                os.fchmod(file.fileno(), _file_mode())
                os.fsync(file.fileno())
            os.rename(path, folder / name)  # noqa: PTH104 - the one call that tests break off
        sync_folder(folder)
        write_whole(folder / RECORD_FILE, to_toml(record).encode(), _file_mode())
        for other in folder.iterdir():
            if other.name not in {RECORD_FILE, *plans.values()}:
                other.unlink()  # the engines from before
        return Entry(folder, record)

    def read_timing(self, tensorrt: str, board: Board) -> bytes:
        """Return what earlier builds of this TensorRT learnt on this board; nothing where others may have written it."""
        try:
            return read_trusted(self._timing(tensorrt, board), Trust(root=self.cache.folder))
        except (OSError, ForerunError):
            return b""

    def keep_timing(self, tensorrt: str, board: Board, timing: bytes) -> None:
        """Keep it for the next build. Raises OSError."""
        write_whole(self._timing(tensorrt, board), timing, _file_mode())

    def prune(self, tensorrt: str, board: Board) -> list[str]:
        """Remove what this TensorRT on this board will never open, and return what it was, in words. Raises OSError."""
        removed: list[str] = []
        for row in rows(self.cache):
            why = row.fault or _foreign(row, tensorrt, board)
            if why:
                _remove(self.cache.folder / row.name)
                removed.append(f"{row.name}: {why}")
        for path in sorted(self.cache.folder.glob(f"{_TIMING}*")):
            if path != self._timing(tensorrt, board):
                path.unlink()
                removed.append(f"{path.name}: of another TensorRT or board")
        return removed

    def _timing(self, tensorrt: str, board: Board) -> Path:
        text = "\0".join((tensorrt, board.device, board.compute_capability, board.model, board.l4t))
        return self.cache.folder / f"{_TIMING}{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}.cache"


@contextlib.contextmanager
def changing(folder: Path) -> Generator[Bench, None, None]:
    """Hold the cache in `folder`, made where it is not there yet, and sweep what a killed program left.

    Raises RefusedError where this user may not change it, others may, or another program does right now. The lock ends with the
    program, however it ends.
    """
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, mode=_folder_mode())
            folder.chmod(_folder_mode())
        require_trusted_folders(folder, Trust(root=folder))
        lock = (folder / _LOCK).open("w")
    except PermissionError as error:
        raise RefusedError(f"{folder}: {error.strerror}; call it with sudo, or say --cache DIR") from error
    except OSError as error:
        raise RefusedError(f"{folder}: cannot be changed: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(f"{folder}: another forerun build is at work here; wait for its end") from error
        for left_over in folder.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left_over, ignore_errors=True)
        yield Bench(EngineCache(folder))


def rows(cache: EngineCache) -> Iterator[Row]:
    """Return all entries by name, believed or not."""
    with contextlib.suppress(OSError):
        for path in sorted(cache.folder.iterdir()):
            if not path.name.startswith((".", _TIMING)):
                yield _row(cache, path)


def plan_name(graph: str, path: Path) -> tuple[str, str, int]:
    """Return the file name, sha256 and size of a plan. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            digest.update(part)
            size += len(part)
    return f"{graph}-{digest.hexdigest()[:_DIGITS]}.plan", digest.hexdigest(), size


def _row(cache: EngineCache, path: Path) -> Row:
    size = sum(file.lstat().st_size for file in path.iterdir()) if path.is_dir() and not path.is_symlink() else 0
    try:
        entry = cache.read(path.name)
    except ForerunError as error:
        return Row(path.name, None, str(error), size)
    return Row(path.name, entry, "" if entry is not None else "no record: it was never finished", size)


def _foreign(row: Row, tensorrt: str, board: Board) -> str:
    if row.entry is None:
        return ""
    key = row.entry.record.key
    if key.tensorrt != tensorrt:
        return f"of TensorRT {key.tensorrt}"
    return (
        "" if key.board == board else f"of another board: {key.board.model or key.board.device} {key.board.l4t}".strip()
    )


def _remove(path: Path) -> None:
    """Remove an entry: its record first, so that half of one is none."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    (path / RECORD_FILE).unlink(missing_ok=True)
    shutil.rmtree(path)


def _folder_mode() -> int:
    """Return who may look: on a robot the service, which is not root; of a person's own cache, only they."""
    return 0o755 if os.geteuid() == 0 else 0o700


def _file_mode() -> int:
    return 0o644 if os.geteuid() == 0 else 0o600
