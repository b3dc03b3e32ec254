"""The unit that runs the policy, told of another bundle: started anew, where systemd runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from interfaces.installed import POLICY_UNIT, Installation
from runtime.policy.last_word import keep_over_restart

_BOOTED = Path("/run/systemd/system")  # sd_booted(3)
_PATIENCE_S = 90.0


def restart_policy(state: Path) -> tuple[str, bool]:
    """Restart the policy's unit, if it runs and uses the shelf `state`; return what came of it, and whether that is good."""
    if state.absolute() != Installation().state:
        return f"a policy that runs with --shelf {state} must be started anew by you", True
    if not _BOOTED.is_dir():
        return "systemd does not run here: start the policy anew by hand", True
    try:
        if _systemctl("is-active", "--quiet", POLICY_UNIT).returncode != 0:
            return f"{POLICY_UNIT} is not running; forerun start starts it, with this bundle", True
        _systemctl("reset-failed", POLICY_UNIT)  # what a person orders does not count as one of its starts in a row
        keep_over_restart(Installation().run)
        done = _systemctl("restart", POLICY_UNIT)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{POLICY_UNIT} could not be restarted: {error}", False
    if done.returncode != 0:
        return f"{POLICY_UNIT} could not be restarted: {' '.join(done.stderr.split())}", False
    return f"{POLICY_UNIT} was restarted, and runs it", True


def _systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
