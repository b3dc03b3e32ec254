"""Where a bundle comes from: commit, command and date, for people who wonder years later."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from pathlib import Path

from interfaces.bundle_manifest import Provenance


def provenance_of_this_tree(command: str, trained_on: str) -> Provenance:
    """Return the provenance of something made now by this source tree; the commit is "unknown" outside a checkout."""
    here = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "unknown"
    created = datetime.now(timezone.utc).date().isoformat()
    return Provenance(commit=commit, command=command, trained_on=trained_on, created=created)
