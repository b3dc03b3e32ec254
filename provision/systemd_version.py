"""Which systemd a tree has, told by the name of its library: nothing is run, so it works for an image of another architecture, too."""

from __future__ import annotations

import re
from pathlib import Path

OLDEST = 249  # JetPack 6
_LIBRARIES = ("usr/lib/*/systemd", "usr/lib/systemd", "lib/*/systemd", "lib/systemd")


def systemd_version(root: Path) -> int:
    """Return the version of the systemd below `root`; the oldest that the units are written for where none is found."""
    names = [path.name for folder in _LIBRARIES for path in root.glob(f"{folder}/libsystemd-shared-*.so")]
    versions = [int(found[1]) for name in names if (found := re.match(r"libsystemd-shared-(\d+)", name))]
    return max(versions, default=OLDEST)
