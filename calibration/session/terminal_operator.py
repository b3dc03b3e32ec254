"""A person at a terminal, also over SSH: lines that stay, tables that live, and keys that work without return."""

from __future__ import annotations

import getpass
import select
import sys
import time
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel

from interfaces.errors import RefusedError
from runtime.terminal import Keyboard

_IDLE_S = 0.05
_PACE_S = 0.005
_SHOWN_S = 0.1  # how often a living table is drawn anew
_DONE = (b"\r", b"\n")
_ANSWERS = {b"y": True, b"n": False}


class TerminalOperator:
    """Asks whoever sits at standard input; ENTER goes on, Ctrl-C gives up."""

    def __init__(self, name: str = "") -> None:
        """Raises RefusedError where there is no keyboard to ask."""
        if not sys.stdin.isatty():
            raise RefusedError("there is no terminal to ask anybody at; --yes takes the answer that ENTER would give")
        self._name = name or getpass.getuser()
        self._console = Console()
        self._meanwhile: Callable[[], None] | None = None
        self._drawn = 0  # characters of a line of progress that is still being drawn

    @property
    def name(self) -> str:
        """Return who it is."""
        return self._name

    def say(self, text: RenderableType) -> None:
        """Print it."""
        self._leave_line()
        self._console.print(text)

    def confirm(self, step: str, question: str, *, default: bool) -> bool:
        """Return the answer: y, n, or ENTER for the default."""
        del step
        self._leave_line()
        self._console.print(f"[bold]{question}[/] {'[Y/n]' if default else '[y/N]'} ", end="")
        answer = {**_ANSWERS, **dict.fromkeys(_DONE, default)}[self._key((*_ANSWERS, *_DONE))]
        self._console.print("yes" if answer else "no")
        return answer

    def wait(self, step: str, instruction: str) -> None:
        """Return at ENTER."""
        del step
        self._leave_line()
        self._console.print(Panel(instruction, subtitle="ENTER when done, Ctrl-C gives up", subtitle_align="left"))
        self._key(_DONE)

    def watch(self, step: str, instruction: str, look: Callable[[], RenderableType], done: Callable[[], bool]) -> None:
        """Show `look()` until ENTER."""
        del step, done  # a person sees for themselves
        self._leave_line()
        self._console.print(Panel(instruction, subtitle="ENTER when done, Ctrl-C gives up", subtitle_align="left"))
        with Keyboard(keep_interrupt=True) as keyboard, Live(console=self._console, auto_refresh=False) as live:
            t_shown_s = 0.0
            while not _pressed(keyboard, _DONE, _PACE_S):
                table = look()
                t_now_s = time.monotonic_ns() * 1e-9
                if t_now_s - t_shown_s >= _SHOWN_S:
                    live.update(table, refresh=True)
                    t_shown_s = t_now_s

    def meanwhile(self, do: Callable[[], None] | None) -> None:
        """Call `do` while waiting for a key."""
        self._meanwhile = do

    def progress(self, what: str, share: float) -> None:
        """Draw one line over and over."""
        line = f"{what} {share:4.0%}"
        end = "\n" if share >= 1.0 else "\r"
        self._console.print(f"{line:<{self._drawn}}", end=end, highlight=False, markup=False)
        self._drawn = len(line) if share < 1.0 else 0

    def _leave_line(self) -> None:
        """Let a line of progress that was not finished stand."""
        if self._drawn:
            self._console.print()
        self._drawn = 0

    def _key(self, wanted: tuple[bytes, ...]) -> bytes:
        """Return the first of the keys that is pressed, the arm being looked after until then."""
        with Keyboard(keep_interrupt=True) as keyboard:
            while True:
                if self._meanwhile is not None:
                    self._meanwhile()
                key = _pressed(keyboard, wanted, 0.0 if self._meanwhile else _IDLE_S)
                if key:
                    return key


def _pressed(keyboard: Keyboard, wanted: tuple[bytes, ...], patience_s: float) -> bytes:
    """Return the key among those wanted that was pressed, or nothing; raises KeyboardInterrupt where the terminal is gone."""
    if keyboard.fd is None:
        raise KeyboardInterrupt
    if not select.select([keyboard.fd], [], [], patience_s)[0]:
        return b""
    keys = keyboard.pressed().lower()
    return next((bytes((key,)) for key in keys if bytes((key,)) in wanted), b"")
