"""One file of the machine that follows from the robot file, and how a value is written into systemd's files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HEAD = (
    "# Made from the robot file by `python -m provision`: change that, or add a drop-in of your own beside this one.\n"
)


@dataclass(frozen=True, slots=True)
class MachineFile:
    """A file as it should be: where on the robot, what it says, and its permissions."""

    path: Path  # absolute, as the robot sees it
    text: str
    mode: int = 0o644


def quoted(value: str) -> str:
    """Return `value` as one word of a command or list in a unit file: quotes, and systemd's own %, $ and \\ taken literally."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
