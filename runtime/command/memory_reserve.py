"""Memory that the command loop is going to want, taken before it starts and never given back: a machine out of memory goes unnoticed.

    the C heap       numpy's arrays and every message of more than 512 bytes. glibc gives what is free at its end back to the
                     machine, and asks for it again in the next period: told to keep it, it keeps the reserve, too.
    Python's arenas  every small object. An arena is given back when its last object goes: one small object stays in each.
    the stack        grows while it is used, and where it may not grow the process is killed.

A C library without mallopt (musl) has only the arenas and the stack reserved: its heap then asks the machine each time.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from dataclasses import dataclass

import numpy as np

_MIB = 1024 * 1024
_HEAP_BYTES = (
    4 * _MIB
)  # following, a lost bus, opening it again: measured to live on 0.13 MiB of heap and one arena of 1 MiB
_ARENAS_BYTES = 4 * _MIB
_STAY_EVERY_BYTES = 64 * 1024  # so that each arena of 256 KiB keeps one, wherever it begins
_SMALL_BYTES = 512  # the largest that Python keeps in arenas
_STACK_DEPTH = 2000  # nested calls of C; each takes some 150 bytes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_NEVER = 2**31 - 1  # the largest that mallopt takes
_MMAP_THRESHOLD_BYTES = 16 * _MIB  # what is smaller comes from the heap, and goes back into it


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReserve:
    """What is kept; it lasts for as long as somebody holds it."""

    heap_bytes: int  # 0 where this C library keeps none
    arenas_bytes: int
    stays: tuple[bytes, ...]  # one in each arena


def reserve_memory() -> MemoryReserve:
    """Take the reserve; to be called once, before the loop, after everything large was made."""
    _reserve_stack()
    _ = np.eye(8) @ np.eye(8)  # the library of linear algebra takes memory of its own at its first product
    return MemoryReserve(heap_bytes=_reserve_heap(), arenas_bytes=_ARENAS_BYTES, stays=_reserve_arenas())


def _reserve_heap() -> int:
    """Grow the heap by the reserve, touch it, and let glibc keep it; return how much that is."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return 0
    malloc, free = libc.malloc, libc.free
    malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
    # Without a threshold of ours each block of 128 KiB would be asked of the machine, and given back when it is free.
    if not (libc.mallopt(_M_TRIM_THRESHOLD, _NEVER) and libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)):
        return 0
    block = malloc(_HEAP_BYTES)
    if not block:
        return 0
    ctypes.memset(block, 1, _HEAP_BYTES)  # pages that were never touched are not there yet, locked or not
    free(block)
    return _HEAP_BYTES


def _reserve_arenas() -> tuple[bytes, ...]:
    size = _SMALL_BYTES - sys.getsizeof(b"")
    objects = [bytes(size) for _ in range(_ARENAS_BYTES // _SMALL_BYTES)]
    return tuple(objects[:: _STAY_EVERY_BYTES // _SMALL_BYTES])


def _reserve_stack() -> None:
    nested: list[object] = []
    for _ in range(_STACK_DEPTH):
        nested = [nested]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 2 * _STACK_DEPTH))
    with contextlib.suppress(RecursionError):  # Python 3.12 goes less deep in C, whatever it is told: so deep is enough
        repr(nested)
    sys.setrecursionlimit(limit)
