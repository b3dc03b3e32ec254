"""What outlives the command process: that the arm was stopped, or at fault, and no person has cleared it yet.

systemd starts a command process again that crashed or hung. An arm that a person stopped must not move again because of that. So
the latch is noted in a small file beside the operator's socket, and the next process begins where the last one was latched:

    forerun latch 1
    8d3c...                  the boot it is of; a machine that was switched on again has nothing latched
    ESTOP                    or FAULT, or "none "
    asked by a person        why

What is there and does not clearly say "none" of this boot counts as latched. On a robot the file lies in /run, which is memory.
It has all of its bytes from the start, its page is kept in memory, and it is written at one stroke of 1 us, a few times in a
robot's life. By pwrite and not through the mapping: where somebody cut the file short or a disk cannot take the page, a write
through the mapping would kill the process (SIGBUS), just when it is stopped.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import stat
from pathlib import Path

from interfaces.messages import CommandState

LATCH_BYTES = 512
_FORMAT = "forerun latch 1"
_NONE = "none "
_LATCHED = (CommandState.ESTOP, CommandState.FAULT)
_UNREADABLE = "what was noted of it is unreadable"
_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
_BOOT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BOOT_UNKNOWN = "-" * 36  # a unit with ProcSubset=pid does not see it; what lies in /run is of this boot anyway


class Latch:
    """The note of one robot: read once at the start, and written whenever the loop is stopped, at fault, or cleared."""

    def __init__(self, path: Path, boot_id: str | None = None) -> None:
        """Read what the process before left at `path`, and be ready to write there; never fails, `lack` says what is not to be had."""
        self._path = path
        self._boot_id = _this_boot() if boot_id is None else boot_id
        found = self._found()
        self._inherited = None if found is None else f"stopped before it was started again: {found[1]}"
        self._pending = self._inherited
        self._state = CommandState.BOOT
        self._fd = -1
        self._page: mmap.mmap | None = None
        self.lack: str | None = None
        try:
            self._make(*(found or (_NONE, "")))
        except OSError as error:
            self.close()
            self._failed(error)

    def take_over(self) -> str | None:
        """Return, once, why the arm must be stopped although this process knows of nothing: another was, before it."""
        pending, self._pending = self._pending, None
        return pending

    def note(self, state: CommandState, why: str) -> None:
        """Note the state of the loop; to be called whenever it may have changed. Only a change from or to a latched state is written.

        What was taken over stays as it was noted first.
        """
        if state is self._state:
            return
        before, self._state = self._state, state
        if state in _LATCHED:
            if why != self._inherited:
                self._write(state.name, why if state is CommandState.ESTOP else f"{state.name}: {why}")
        elif before in _LATCHED:
            self._inherited = None
            self._write(_NONE, "")

    def forget(self) -> None:
        """Note nothing any more, because a person ended the loop."""
        self._write(_NONE, "")
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; what is noted stays."""
        if self._page is not None:
            self._page.close()
            self._page = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _found(self) -> tuple[str, str] | None:
        """Return the state that was noted, and why; None where clearly nothing is latched."""
        try:
            data = _read(self._path)
        except FileNotFoundError:
            return None
        except OSError:
            data = b""
        lines = data.rstrip(b"\0").decode(errors="replace").split("\n")
        if len(data) != LATCH_BYTES or len(lines) != 4 or lines[0] != _FORMAT or not _is_boot(lines[1]):
            return CommandState.ESTOP.name, _UNREADABLE
        _, boot_id, state, why = lines
        if boot_id != self._boot_id and _BOOT_UNKNOWN not in {boot_id, self._boot_id}:
            return None
        if state == _NONE:
            return None
        return (state, why) if state in {each.name for each in _LATCHED} else (CommandState.ESTOP.name, _UNREADABLE)

    def _make(self, state: str, why: str) -> None:
        """Put a whole file in the place of whatever is there, at one stroke: in between there is the old one."""
        new = self._path.with_name(f"{self._path.name}.new")
        new.unlink(missing_ok=True)
        self._fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        os.pwrite(self._fd, self._encode(state, why), 0)
        os.fsync(self._fd)
        new.replace(self._path)
        self._page = mmap.mmap(self._fd, LATCH_BYTES, prot=mmap.PROT_READ)  # locked with all of the process's memory
        _ = self._page[0]

    def _write(self, state: str, why: str) -> None:
        if self._fd < 0:
            return
        try:
            os.pwrite(self._fd, self._encode(state, why), 0)
        except OSError as error:
            self._failed(error)

    def _encode(self, state: str, why: str) -> bytes:
        text = f"{_FORMAT}\n{self._boot_id}\n{state}\n{' '.join(why.split())}"
        return text.encode(errors="replace")[:LATCH_BYTES].ljust(LATCH_BYTES, b"\0")

    def _failed(self, error: OSError) -> None:
        self.lack = (
            "a stop or fault will be forgotten should this process die and be started again: "
            f"{self._path} cannot be written: {error.strerror or error}"
        )


def _read(path: Path) -> bytes:
    """Return the beginning of a file that is one; of a pipe or a link nothing, which no latch is."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return os.read(fd, LATCH_BYTES + 1) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    finally:
        os.close(fd)


def _this_boot() -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        boot_id = _BOOT_ID_FILE.read_text(encoding="ascii").strip()
        if _BOOT_ID.fullmatch(boot_id):
            return boot_id
    return _BOOT_UNKNOWN


def _is_boot(text: str) -> bool:
    return text == _BOOT_UNKNOWN or _BOOT_ID.fullmatch(text) is not None
