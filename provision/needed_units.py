"""Whether units of the system that the robot depends on are enabled, and what to do where they are not."""

from __future__ import annotations

import subprocess
from pathlib import Path

# Where systemd-networkd is enabled only for CAN, nothing should wait for it to have a network.
_REMEDY = "systemctl enable --now {unit}; systemctl disable systemd-networkd-wait-online.service"


def trouble_with(unit: str, root: Path) -> str:
    """Return what is wrong with `unit` and the remedy, or nothing; in a tree that is not this machine's, it is to be enabled."""
    if root == Path("/"):
        good, what = _says_yes("is-active", unit), "does not run"
    else:
        good, what = any((root / "etc/systemd/system").glob(f"*.wants/{unit}")), "is not enabled"
    remedy = _REMEDY.format(unit=unit)
    return "" if good else f"needed: {unit} {what}, so the CAN interface would stay down: {remedy}"


def _says_yes(question: str, unit: str) -> bool:
    try:
        return subprocess.run(["systemctl", "--quiet", question, unit], check=False, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
