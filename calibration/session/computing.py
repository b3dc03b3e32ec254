"""A computation that takes long, and something small that is done again and again until it is ready."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.002  # how often it is asked whether it is ready


def beside(compute: Callable[[], T], meanwhile: Callable[[], None]) -> T:
    """Return, or raise, what `compute` does in a thread of its own, calling `meanwhile` in this one until then.

    What `meanwhile` raises, and Ctrl-C, end the waiting at once: the thread is left to itself, and ends with the program.
    """
    ready: Future[T] = Future()
    Thread(target=_fulfil, args=(ready, compute), name="computation", daemon=True).start()
    while not wait((ready,), LOOK_S).done:
        meanwhile()
    return ready.result()


def _fulfil(ready: Future[T], compute: Callable[[], T]) -> None:
    try:
        ready.set_result(compute())
    except BaseException as error:  # noqa: BLE001 - raised again by who waits
        ready.set_exception(error)
