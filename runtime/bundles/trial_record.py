"""How a bundle that was put in charge does: one small file for each activation, written by the service itself."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interfaces.durable import write_whole
from interfaces.errors import ConfigError
from interfaces.toml_loader import parse_toml, require
from interfaces.toml_writer import to_toml

FORMAT = 1
_SIZE_MAX_BYTES = 10_000
_WHY_MAX = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """What the service noted; the instants are for people, no decision hangs on a clock that may be wrong at boot."""

    format: int = FORMAT
    starts: int = 0
    first_start: str = ""  # ISO 8601, UTC
    last_start: str = ""
    outcome: Literal["undecided", "passed", "failed"] = "undecided"
    why: str = ""  # it failed
    followed: bool = False  # it made a chunk on this robot; without, what it computes was never seen here

    def __post_init__(self) -> None:
        """Check format and count."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        require(self.starts >= 0, "starts", self.starts, "0 or more")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is there, and tells nothing."""

    why: str


def trials_of(state: Path) -> Path:
    """Return the folder of trial records of a robot's state folder."""
    return state / "trials"


def trial_file(state: Path, trial: str) -> Path:
    """Return the file of a trial."""
    return trials_of(state) / f"{trial}.toml"


def read_trial(state: Path, trial: str) -> TrialRecord | Unreadable | None:
    """Return what is noted of a trial; None where nothing is yet. Whatever lies there, this neither raises nor waits."""
    path = trial_file(state, trial)
    try:
        # The folder is the service's: root, who reads it too, follows no link and waits for no pipe that lies there.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return Unreadable(f"{path} is no plain file")
            data = file.read(_SIZE_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Unreadable(f"{path} cannot be read: {error.strerror}")
    if len(data) > _SIZE_MAX_BYTES:
        return Unreadable(f"{path} is too large for a trial record")
    try:
        return parse_toml(data.decode(), TrialRecord, str(path))
    except (ConfigError, UnicodeDecodeError) as error:
        return Unreadable(f"{path} is damaged: {error}")


def write_trial(state: Path, trial: str, record: TrialRecord) -> None:
    """Note it, whole or not at all. Raises OSError."""
    folder = trials_of(state)
    folder.mkdir(mode=0o750, exist_ok=True)
    write_whole(trial_file(state, trial), to_toml(record).encode(), mode=0o640)


def shortened(why: str) -> str:
    """Return a reason as one line of bounded length, with nothing in it that a file could not hold."""
    line = " ".join(why.split()).encode(errors="replace").decode()
    return line if len(line) <= _WHY_MAX else line[: _WHY_MAX - 3] + "..."
