"""A person at a real terminal (a pty): keys without return, tables that live, and an end that gives up."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PATIENCE_S = 20.0
PROGRAM = """
import fcntl, signal, sys, termios
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts the tests may have it ignored
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from calibration.session.terminal_operator import TerminalOperator
operator = TerminalOperator("ada")
kept = []
operator.meanwhile(lambda: kept.append(1))
try:
    {body}
except KeyboardInterrupt:
    print("given up")
print("held", bool(kept))
"""


class Terminal:
    """A program at a terminal of its own."""

    def __init__(self, body: str) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            (sys.executable, "-c", PROGRAM.format(body=body)),
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.said = self._shown = ""

    def expect(self, text: str) -> None:
        t_end = time.monotonic_ns() + PATIENCE_S * 1e9
        while text not in self.said:
            assert time.monotonic_ns() < t_end, f"waited for {text!r} in vain: {self.said[-500:]}"
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self._shown += os.read(self._ours, 4096).decode(errors="replace")
                except OSError:
                    self._shown += "<end>"
            self.said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._shown)  # without colours

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def begin(body: str, terminals: list[Terminal]) -> Terminal:
    terminals.append(Terminal(body))
    return terminals[0]


@pytest.mark.parametrize(("key", "answer"), [(b"y", "True"), (b"n", "False"), (b"\r", "True")])
def test_a_question_is_answered_by_one_key(key: bytes, answer: str, terminals: list[Terminal]) -> None:
    terminal = begin('print("answer", operator.confirm("x", "may it move?", default=True))', terminals)
    terminal.expect("[Y/n]")
    terminal.press(b"q")  # no answer
    terminal.press(key)
    terminal.expect(f"answer {answer}")
    terminal.expect("held True")


def test_what_is_watched_lives_until_enter(terminals: list[Terminal]) -> None:
    terminal = begin(
        'n = []; operator.watch("x", "turn it", lambda: n.append(1) or f"look {len(n)}.", bool)', terminals
    )
    terminal.expect("turn it")
    terminal.expect("look 1.")
    terminal.press(b"\r")
    terminal.expect("held")


def test_ctrl_c_gives_up(terminals: list[Terminal]) -> None:
    terminal = begin('operator.wait("x", "support the arm")', terminals)
    terminal.expect("support the arm")
    terminal.press(b"\x03")
    terminal.expect("given up")


def test_a_shorter_line_of_progress_covers_the_one_before_and_a_word_leaves_it(terminals: list[Terminal]) -> None:
    terminal = begin(
        'operator.progress("shoulder_lift", 0.3); operator.progress("elbow", 0.5); operator.say("a word")', terminals
    )
    terminal.expect("held")
    assert "\rshoulder_lift  30%" in "\r" + terminal.said
    assert f"\r{'elbow  50%':<18}\r\na word" in terminal.said.replace("\r\r", "\r")
