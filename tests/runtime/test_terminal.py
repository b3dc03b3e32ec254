"""The terminal: a live line that lines pass above, keys at once, everything as before afterwards; and no terminal at all."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.terminal import Keyboard, LiveLine

CLEAR = "\r\x1b[K"
REPOSITORY = Path(__file__).parents[2]


class Screen:
    """A terminal in place of standard error, and what is shown on it."""

    def __init__(self) -> None:
        self.near_fd, far_fd = pty.openpty()
        tty.setraw(far_fd)  # or it would write its own line ends
        self.far = os.fdopen(far_fd, "w")

    def shown(self) -> str:
        assert select.select((self.near_fd,), (), (), 10)[0], "nothing is shown"
        return os.read(self.near_fd, 65536).decode()


@pytest.fixture
def screen() -> Iterator[Screen]:
    """Return a screen."""
    made = Screen()
    yield made
    made.far.close()
    os.close(made.near_fd)


def test_lines_pass_above_the_live_line(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", screen.far)  # not in the fixture: pytest puts its own there for each phase
    monkeypatch.setenv("COLUMNS", "40")
    with LiveLine() as line:
        line.show("live")
        assert screen.shown() == f"{CLEAR}live"
        line.say("a line")
        assert screen.shown() == f"{CLEAR}a line\nlive"
        line.show("live")  # unchanged: not written again
        line.show("x" * 100)
        assert screen.shown() == CLEAR + "x" * 39
    assert screen.shown() == CLEAR


def test_without_a_terminal_lines_are_just_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log").open("w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        with LiveLine() as line:
            line.show("live")
            line.say("a line")
    assert (tmp_path / "log").read_text() == "a line\n"


def test_nobody_who_reads_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    near_fd, far_fd = os.pipe()
    os.close(near_fd)
    with io.TextIOWrapper(io.FileIO(far_fd, "w")) as broken:
        monkeypatch.setattr(sys, "stderr", broken)
        with LiveLine() as line:
            line.say("a line")


def test_standard_input_that_is_no_terminal_has_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with Keyboard(keep_interrupt=True) as keyboard:
            assert keyboard.fd is None
            assert keyboard.pressed() == b""


KEYS = """
import fcntl, os, select, sys, termios
sys.path.insert(0, sys.argv[1])
from runtime.terminal import Keyboard
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
before = termios.tcgetattr(0)
with Keyboard(keep_interrupt=sys.argv[2] == "keep") as keyboard:
    os.write(2, b"ready")
    while (key := keyboard.pressed()) != b"q":
        os.write(2, repr(key).encode())
os.write(2, b"as before" if termios.tcgetattr(0) == before else b"changed")
"""


@pytest.mark.parametrize(
    ("mode", "keys"), [("keep", [b" ", b"\x13", b"\x1a"]), ("all", [b" ", b"\x03", b"\x04", b"\x13"])]
)
def test_keys_come_one_by_one_and_the_terminal_is_put_back(mode: str, keys: list[bytes]) -> None:
    near_fd, far_fd = pty.openpty()
    command = [sys.executable, "-I", "-c", KEYS, str(REPOSITORY), mode]
    with subprocess.Popen(
        command, stdin=far_fd, stdout=far_fd, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stderr is not None
        said_fd = process.stderr.fileno()
        assert os.read(said_fd, 100) == b"ready"
        for key in keys:
            os.write(near_fd, key)
            assert os.read(said_fd, 100) == repr(key).encode()
        os.write(near_fd, b"q")
        assert os.read(said_fd, 100) == b"as before"
    os.close(near_fd)
    os.close(far_fd)
