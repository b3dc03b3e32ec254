"""The programs that know more than our processes: systemctl, journalctl, timedatectl; a laptop may have none of them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence

# What a child of ours gets of our environment: not NOTIFY_SOCKET, at which systemctl would report its own troubles as ours.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}


def ask(command: Sequence[str], patience_s: float) -> str:
    """Return what a program prints; nothing where it is not there, or does not answer within its time."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(
            command, capture_output=True, text=True, timeout=patience_s, check=False, env=_ENVIRONMENT
        ).stdout
    return ""
