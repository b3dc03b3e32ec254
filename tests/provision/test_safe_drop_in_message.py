"""The message of a unit that gave up: one line, why, what the arm does, what to do; also where nothing is known."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.provision.unit_reading import ROOT

SCRIPT = ROOT / "systemd/say-failure.sh"


def _said(tmp_path: Path, shown: dict[str, str], *arguments: str) -> str:
    """Return what the script says when systemd tells `shown`."""
    answer = "".join(f"{key}={value}\n" for key, value in shown.items())
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}END\n" if shown else "#!/bin/sh\nexit 1\n", encoding="utf-8")
    systemctl.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        ["/bin/sh", str(SCRIPT), *arguments], check=True, capture_output=True, text=True, env=environment
    )
    assert done.stdout.count("\n") == 1
    return done.stdout


LIMITS = {"StartLimitBurst": "5", "StartLimitIntervalUSec": "1min"}


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (
            {"Result": "watchdog", "ExecMainStatus": "6"},
            "no progress, and its watchdog ended it, the last of 5 starts within 1min.",
        ),
        ({"Result": "signal", "ExecMainStatus": "9"}, "ended by signal 9, the last of 5 starts within 1min."),
        ({"Result": "exit-code", "ExecMainStatus": "1"}, "ended with exit status 1, the last of 5"),
        (
            {"Result": "exit-code", "ExecMainStatus": "2"},
            "refused its files (exit status 2); its last lines say which.",
        ),
        ({"Result": "oom-kill", "ExecMainStatus": "9"}, "out of memory"),
        (
            {"Result": "timeout", "ExecMainStatus": "9", "StatusText": "a=b; BOOT"},
            "within 1min; it was last: a=b; BOOT.",
        ),
    ],
)
def test_why(tmp_path: Path, shown: dict[str, str], why: str) -> None:
    line = _said(tmp_path, {**shown, **LIMITS}, "forerun-command.service", "SAFE STATE", "Its motors hold.")
    assert line.startswith("<2>SAFE STATE: forerun-command gave up: ")
    assert why in line
    assert "Its motors hold. Look: journalctl -b -e -u forerun-command; forerun doctor." in line
    assert "sudo forerun start" in line


def test_what_it_means_depends_on_who_gave_up(tmp_path: Path) -> None:
    shown = {"Result": "signal", "ExecMainStatus": "11", **LIMITS}
    assert _said(tmp_path, shown, "forerun-policy.service").startswith("<2>A PERSON IS NEEDED: forerun-policy ")
    assert "The arm holds where it is." in _said(tmp_path, shown, "forerun-policy.service")
    for name in ("forerun-record", "forerun-page"):
        assert _said(tmp_path, shown, f"{name}.service").startswith(f"<4>Without effect on the arm: {name} ")


def test_it_speaks_also_where_systemd_does_not_answer(tmp_path: Path) -> None:
    line = _said(tmp_path, {}, "forerun-command.service", "SAFE STATE", "Its motors hold.")
    assert "the system does not say why" in line
    assert "Its motors hold." in line


def test_it_is_clean() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not on this machine")
    assert subprocess.run(["shellcheck", str(SCRIPT)], check=False).returncode == 0
