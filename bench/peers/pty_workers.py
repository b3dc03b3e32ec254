"""Lets the bytes of a pty arrive on a busy machine as they do on a real port.

Between the two ends of a pty the kernel's own unbound workers carry them, at ordinary priority: behind busy processes they come
6 ms late at the 99th percentile (measured), and with the lowest real-time priority 0.1 ms. An adapter's interrupt waits for nobody,
and it belongs to the bus, not to the runtimes; so does the process of the emulated servos, which runs above all others. It is so
for every contestant.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_WORKERS = "kworker/u"
_ORDINARY = (os.SCHED_OTHER, 0)
_PROMPT = (os.SCHED_FIFO, 1)  # ahead of all that is ordinary, and of nothing else


@contextmanager
def prompt_ptys() -> Generator[None, None, None]:
    """Put the workers ahead of ordinary processes, as far as that is permitted, and back at the end."""
    hasten()
    try:
        yield
    finally:
        _change(_PROMPT, _ORDINARY)


def hasten() -> None:
    """Put the workers that were made since ahead, too."""
    _change(_ORDINARY, _PROMPT)


def _change(before: tuple[int, int], after: tuple[int, int]) -> None:
    for name in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):  # it ended meanwhile, or is not ours to change
            pid = int(name.parent.name)
            if not name.read_text(encoding="utf-8").startswith(_WORKERS):
                continue
            if (os.sched_getscheduler(pid), os.sched_getparam(pid).sched_priority) == before:
                os.sched_setscheduler(pid, after[0], os.sched_param(after[1]))
