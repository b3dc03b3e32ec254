"""What a person told the policy process last: it holds over restarts, until an ordered end or the next boot.

An arm whose robot file says what to follow acts by itself; a person who told it to follow nothing must not see it move again
because a process crashed. So what is told over the control socket is noted beside that socket before it is answered, and read at
each start; what the robot file or the command line says is older. A note that cannot be read means: follow nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from interfaces.durable import write_whole
from interfaces.errors import ConfigError, RefusedError
from interfaces.robot_config import RobotConfig
from interfaces.toml_loader import parse_toml, require
from interfaces.toml_writer import to_toml
from runtime.service.end_order import EndOrder

_log = logging.getLogger(__name__)
_FORMAT = 1
_SIZE_MAX_BYTES = 10_000
_SUFFIX = ".told"
_KEPT = ".kept"  # a file of this name beside the note: the next ordered end is for a new start, and keeps it
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """What is noted, and for whom: a note of another boot, or of a process that another looked after, is nobody's word any more."""

    format: int
    boot: str
    parent: int  # pid of who starts it again: systemd, forerun run, a shell
    instruction: str  # empty: nothing

    def __post_init__(self) -> None:
        require(self.format == _FORMAT, "format", self.format, f"{_FORMAT}, the format this version of forerun reads")


@dataclass(frozen=True, slots=True)
class Word:
    """What is to be followed by the last word of a person."""

    instruction: str | None
    why: str


class LastWord:
    """The note beside a control socket."""

    def __init__(self, control_socket: Path) -> None:
        """Touch nothing yet."""
        self.path = control_socket.with_name(f"{control_socket.name}{_SUFFIX}")
        self._kept = self.path.with_name(f"{self.path.name}{_KEPT}")

    def note(self, instruction: str | None) -> None:
        """Note what a person just said. Raises OSError; what was noted before then no longer counts."""
        noted = _Note(format=_FORMAT, boot=_boot(), parent=os.getppid(), instruction=instruction or "")
        try:
            write_whole(self.path, to_toml(noted).encode(), mode=0o640)
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self.path, 0)  # it takes no room, and an empty note means nothing
            raise

    def read(self) -> Word | None:
        """Return what holds; None where no person said anything since the boot, or since `forerun run` was started."""
        with contextlib.suppress(OSError):
            self._kept.unlink()  # of a restart that came to nothing: it is not to keep the note from a later end
        try:
            note = parse_toml(_text(self.path), _Note, str(self.path))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, ConfigError) as error:
            return Word(None, f"what a person said last cannot be read ({error})")
        if (note.boot, note.parent) != (_boot(), os.getppid()):
            return None
        return Word(note.instruction or None, "a person said so before this start")

    @contextlib.contextmanager
    def until(self, order: EndOrder) -> Generator[LastWord]:
        """Forget it when all within is over and `order` came; a failure keeps it."""
        try:
            yield self
        finally:
            if order.came:
                self.forget()

    def forget(self) -> None:
        """Forget it: an ordered end; not where that is for a new start (`keep_over_restart`)."""
        with contextlib.suppress(OSError):
            self._kept.unlink()
            return
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            _log.error("%s stays, and holds at the next start: %s", self.path, error.strerror)


def keep_over_restart(folder: Path) -> None:
    """Have the policy process with its control socket in `folder` keep what a person said over the ordered end that comes now.

    For who restarts it for a reason of their own, as a new bundle: an arm that was told to stay still must not move for that.
    Raises OSError.
    """
    for note in folder.glob(f"*{_SUFFIX}"):
        with contextlib.suppress(FileExistsError):
            # Called by root, in a folder of the service's: O_EXCL follows no link that lies there.
            os.close(os.open(note.with_name(f"{note.name}{_KEPT}"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))


def followed_first(
    robot_file: Path,
    robot: RobotConfig,
    instructions: Sequence[str],
    *,
    follow: str | None,
    word: Word | None,
    fallback: bool,
) -> str | None:
    """Return what a start follows: what a person said last, else `follow` of the command line, else what the robot file says.

    A bundle that does not know what a person said follows nothing; so does one that is run because another cannot be (`fallback`)
    and does not know what the others say. Any other that does not is refused: RefusedError for `follow`, ConfigError for the file.
    """
    said = follow if follow is not None else robot.policy.follow
    if said is not None and said not in instructions:
        if not fallback:
            raise _refusal(robot_file, said, instructions, by_file=follow is None)
        _log.error("follows nothing: this bundle is run because another cannot be, and does not know %r", said)
        said = None
    if word is None:
        return said
    if word.instruction is not None and word.instruction not in instructions:
        _log.error("follows nothing: %s, but this bundle does not know %r", word.why, word.instruction)
        return None
    _log.warning("follows %s: %s", word.instruction or "nothing", word.why)
    return word.instruction


def _refusal(robot_file: Path, said: str, instructions: Sequence[str], *, by_file: bool) -> ConfigError | RefusedError:
    if by_file:
        return ConfigError(str(robot_file), "policy.follow", said, f"one of {', '.join(instructions)}")
    return RefusedError(f"instruction {said!r}; the policy knows {', '.join(instructions)}")


def _text(path: Path) -> str:
    # Whatever lies in its place, this follows no link and waits for no pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no plain file")
        return file.read(_SIZE_MAX_BYTES).decode()


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""  # the same at every start: the note then holds until somebody ends the process in order
