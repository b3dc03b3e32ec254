"""Pictures in shared memory, from the policy process to the recorder: written with one copy, read or missed, never waited for.

A ring of slots in a file that both map; the run folder should lie in memory (tmpfs). Each slot has a seqlock: its sequence is odd
while the slot is being written, and 2 n when the n-th picture lies in it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import RefusedError
from interfaces.messages import Frame

SLOTS = 4  # a reader has three frame periods to copy before its slot is written again
_MAGIC = 0x46524E46  # "FRNF"
_VERSION = 1

_HEADER = np.dtype([("magic", "<u4"), ("version", "<u2"), ("slots", "<u2"), ("width_px", "<u4"), ("height_px", "<u4")])
_HEADER_BYTES = 64


def ring_path(record_socket: Path, camera: str) -> Path:
    """Return where the pictures of a camera lie: next to the socket of the recorder."""
    return record_socket.with_name(f"{record_socket.name}.{camera}.frames")


class FrameRingWriter:
    """The policy process's end: one camera's pictures."""

    def __init__(self, path: Path, width_px: int, height_px: int) -> None:
        """Make the ring at `path`, in place of an older one; raises RefusedError where there is no room for it."""
        self._path, self._shape = path, (height_px, width_px, 3)
        self._slots = _slots(_make_file(path, width_px, height_px), SLOTS, width_px, height_px)
        self._fence = _Fence()
        self._written = 0

    def put(self, frame: Frame) -> bool:
        """Write the frame's picture over the oldest; return False for one of another size, which is not taken."""
        if frame.rgb.shape != self._shape:
            return False
        slot = self._slots[self._written % SLOTS : self._written % SLOTS + 1]
        self._written += 1
        slot["sequence"] = 2 * self._written - 1
        self._fence.order()
        slot["camera"] = frame.camera.encode()
        slot["number"], slot["t_capture_ns"], slot["t_arrival_ns"] = (
            frame.number,
            frame.t_capture_ns,
            frame.t_arrival_ns,
        )
        slot["rgb"][0] = frame.rgb
        self._fence.order()
        slot["sequence"] = 2 * self._written
        return True

    def close(self) -> None:
        """Remove the ring; a reader keeps what it has mapped."""
        self._path.unlink(missing_ok=True)


class FrameRingReader:
    """The recorder's end; finds the ring by itself, when it is made and when it is made anew."""

    def __init__(self, path: Path) -> None:
        """Set up for the ring at `path`, there or not."""
        self._path = path
        self._slots: NDArray[np.void] | None = None
        self._file = (-1, -1)  # device and inode of what is mapped
        self._seen = 0
        self._fence = _Fence()
        self.torn = 0  # pictures written over while they were copied

    def newest(self) -> Frame | None:
        """Return the newest picture if it is newer than the last one returned, in memory of its own; None otherwise."""
        self._follow_file()
        if self._slots is None:
            return None
        sequences = self._slots["sequence"].copy()  # looked at once: they change meanwhile
        sequences[sequences % 2 == 1] = 0
        index, sequence = int(sequences.argmax()), int(sequences.max())
        if sequence <= self._seen:
            return None
        self._fence.order()
        slot = self._slots[index : index + 1].copy()
        self._fence.order()
        if int(self._slots["sequence"][index]) != sequence:
            self.torn += 1
            return None
        self._seen = sequence
        return Frame(
            camera=bytes(slot["camera"][0]).decode(errors="replace"),
            number=int(slot["number"][0]),
            t_capture_ns=int(slot["t_capture_ns"][0]),
            t_arrival_ns=int(slot["t_arrival_ns"][0]),
            rgb=slot["rgb"][0],
            depth_mm=None,
        )

    def close(self) -> None:
        """Let go of the ring."""
        self._slots, self._file = None, (-1, -1)

    def _follow_file(self) -> None:
        """Map the ring that lies at the path now; a policy process that starts again makes a new one."""
        try:
            there = self._path.stat()
        except OSError:
            return  # not made yet, or removed: what is mapped stays readable
        if (there.st_dev, there.st_ino) == self._file:
            return
        self._slots, self._seen, self._file = _map(self._path), 0, (there.st_dev, there.st_ino)


class _Fence:
    """Keeps the processor from moving reads and writes across it: on ARM a picture could otherwise become visible after its sequence.

    Releasing a lock and taking it again orders what lies before and after; nothing else in Python does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def order(self) -> None:
        """Complete what comes before, then begin what comes after."""
        with self._lock:
            pass
        with self._lock:
            pass


def _slot_layout(width_px: int, height_px: int) -> np.dtype[np.void]:
    return np.dtype(
        [
            ("sequence", "<u8"),
            ("number", "<i8"),
            ("t_capture_ns", "<i8"),
            ("t_arrival_ns", "<i8"),
            ("camera", "S32"),
            ("rgb", "u1", (height_px, width_px, 3)),
        ],
        align=True,
    )


def _slots(memory: mmap.mmap, n_slots: int, width_px: int, height_px: int) -> NDArray[np.void]:
    return np.frombuffer(memory, _slot_layout(width_px, height_px), count=n_slots, offset=_HEADER_BYTES)


def _make_file(path: Path, width_px: int, height_px: int) -> mmap.mmap:
    """Return the memory of a new ring, put at `path` when it is whole."""
    size_bytes = _HEADER_BYTES + SLOTS * _slot_layout(width_px, height_px).itemsize
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fd = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            os.posix_fallocate(fd, 0, size_bytes)  # a page that a full disk cannot give would kill the writer (SIGBUS)
            memory = mmap.mmap(fd, size_bytes)
        finally:
            os.close(fd)
        header = np.frombuffer(memory, _HEADER, count=1)
        header["magic"], header["version"], header["slots"] = _MAGIC, _VERSION, SLOTS
        header["width_px"], header["height_px"] = width_px, height_px
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise RefusedError(f"cannot share pictures at {path}: {error.strerror or error}") from error
    return memory


def _map(path: Path) -> NDArray[np.void] | None:
    """Return the slots of the ring at `path`; None where the file is none that this program knows."""
    try:
        with path.open("rb") as file:
            memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    except (OSError, ValueError):  # gone again, or empty
        return None
    if len(memory) < _HEADER_BYTES:
        return None
    header = np.frombuffer(memory, _HEADER, count=1)[0]
    if (int(header["magic"]), int(header["version"])) != (_MAGIC, _VERSION):
        return None
    slots, width_px, height_px = int(header["slots"]), int(header["width_px"]), int(header["height_px"])
    if len(memory) != _HEADER_BYTES + slots * _slot_layout(width_px, height_px).itemsize:
        return None
    return _slots(memory, slots, width_px, height_px)
