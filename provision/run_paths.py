"""Paths of the robot file as the units see them: relative ones lie in their working directory."""

from __future__ import annotations

from pathlib import PurePosixPath

from interfaces.errors import ConfigError
from interfaces.installed import Installation

RUN = PurePosixPath(str(Installation().run))
_HIDDEN = tuple(map(PurePosixPath, ("/tmp", "/var/tmp", "/home", "/root", "/run/user")))


def run_path(value: str, key: str, file: str) -> PurePosixPath:
    """Return where `value` of the robot file lies; raises ConfigError for a place that the units do not see."""
    path = RUN / value
    if not value or not value.isprintable() or " " in value:
        raise ConfigError(file, key, value, "a path without spaces, as it stands in a unit file")
    if any(hidden in path.parents for hidden in _HIDDEN):
        expected = f"a name, which lies in {RUN}, or a path outside the folders that its unit does not see: "
        raise ConfigError(file, key, value, expected + ", ".join(map(str, _HIDDEN)))
    return path


def writable_line(*paths: PurePosixPath) -> str:
    """Return the line that lets a unit write into the folders of `paths`; nothing where they are all in the working directory."""
    folders = sorted({str(path.parent).replace("%", "%%") for path in paths} - {str(RUN)})
    return f"ReadWritePaths={' '.join(f'-{folder}' for folder in folders)}\n" if folders else ""
