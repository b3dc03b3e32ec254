"""The policy's unit is restarted for a new bundle, and what a person said last holds over that."""

import subprocess
from pathlib import Path

import pytest

from interfaces.installed import Installation
from runtime.bundles import policy_unit
from runtime.policy.last_word import LastWord


def test_what_a_person_said_holds_over_the_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Installation(root=tmp_path)
    place.run.mkdir(parents=True)
    word = LastWord(place.run / "control.sock")
    word.note(None)
    asked: list[str] = []

    def systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
        asked.append(arguments[0])
        if arguments[0] == "restart":
            word.forget()  # the process ends as it is asked to
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(policy_unit, "_systemctl", systemctl)
    monkeypatch.setattr(policy_unit, "_BOOTED", tmp_path)
    monkeypatch.setattr(policy_unit, "Installation", lambda: place)
    assert policy_unit.restart_policy(place.state) == ("forerun-policy.service was restarted, and runs it", True)
    assert asked[-1] == "restart"
    assert word.read() is not None
