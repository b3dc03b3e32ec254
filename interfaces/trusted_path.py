"""Whom a robot lets write what it runs: a bundle or an engine that others could have changed is refused.

What is looked at is the open file, not its name, so that what is read is what was looked at.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from interfaces.errors import BundleError

_PART_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What is asked of a file and the folders above it, up to and with `root`."""

    root: Path | None = None  # None: only that not everybody may write it, as in a checkout of one's own

    @property
    def strict(self) -> bool:
        """Return whether owner, group and the folders above count, too."""
        return self.root is not None


ANY_OWNER = Trust()


def require_trusted(path: Path, status: os.stat_result, trust: Trust) -> None:
    """Refuse what others may change; raises BundleError naming path, owner and mode.

    Never: writable by everybody. Strictly: owned by root or this user, and writable by no group but root's.
    """
    mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
    if status.st_mode & stat.S_IWOTH:
        raise BundleError(f"{path}: everybody may write it ({mode}); not trusted. chmod o-w makes it trusted again")
    if not trust.strict:
        return
    if status.st_mode & stat.S_IWGRP and status.st_gid != 0:
        raise BundleError(f"{path}: group {status.st_gid} may write it ({mode}); not trusted: chmod g-w")
    if status.st_uid not in {0, os.geteuid()}:
        raise BundleError(
            f"{path}: belongs to user {status.st_uid}, neither root nor this user ({os.geteuid()}); not trusted"
        )


def require_trusted_folders(folder: Path, trust: Trust) -> None:
    """Refuse a folder when it, or one above it up to and with the root of `trust`, may be changed by others.

    Raises BundleError as `require_trusted`, and for a folder that is a link or does not lie below that root; OSError.
    """
    if trust.root is None:
        require_trusted(folder, folder.stat(), trust)
        return
    root = Path(os.path.abspath(trust.root))  # noqa: PTH100 - resolve() would follow the very links that are refused
    place = Path(os.path.abspath(folder))  # noqa: PTH100
    if root not in (place, *place.parents):
        raise BundleError(f"{folder}: does not lie below {root}; not trusted")
    chain = [place, *place.parents]
    for part in chain[: chain.index(root) + 1]:
        status = part.stat() if part == root else part.lstat()  # where the root lies is the caller's word
        if not stat.S_ISDIR(status.st_mode):
            raise BundleError(f"{part}: is a link or no folder; not trusted")
        require_trusted(part, status, trust)


def read_trusted(path: Path, trust: Trust, size_max_bytes: int | None = None) -> bytes:
    """Return the content of a plain file that only trusted users may change, and whose folders, if strict, they alone may.

    Raises BundleError where others may, it is a link or no plain file, or larger than `size_max_bytes`; OSError where it cannot be read.
    """
    with open_trusted(path, trust) as file:
        size = os.fstat(file.fileno()).st_size
        if size_max_bytes is not None and size > size_max_bytes:
            raise BundleError(f"{path}: {size} bytes; expected at most {size_max_bytes}")
        return file.read() if size_max_bytes is None else file.read(size_max_bytes)


def hash_trusted(path: Path, trust: Trust) -> str:
    """Return the sha256 of such a file, however large; raises as `read_trusted`."""
    digest = hashlib.sha256()
    with open_trusted(path, trust) as file:
        while part := file.read(_PART_BYTES):
            digest.update(part)
    return digest.hexdigest()


@contextmanager
def open_trusted(path: Path, trust: Trust) -> Generator[BinaryIO, None, None]:
    """Give such a file, open for reading; raises as `read_trusted`."""
    if trust.strict:
        require_trusted_folders(path.parent, trust)
    # O_NONBLOCK: a named pipe in its place must not make us wait.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if trust.strict else 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if path.is_symlink() and trust.strict:
            raise BundleError(f"{path}: is a link; not trusted") from error
        raise
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path}: is no plain file")
        require_trusted(path, status, trust)
        yield file
