"""What the command for an installed robot does where it cannot run, and what it makes its versions and its judgements from."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from tests.machines import nspawn_robot
from tests.machines.nspawn_machine import MachineError, until
from tests.machines.nspawn_versions import CHANGES, REPOSITORY, Version, change_wheel
from tests.machines.robot_install_trial import differences, robot_file
from tests.machines.robot_ledger import Ledger
from tests.machines.robot_trials import ONCE, PREPARATIONS, TRIALS
from tests.machines.uml_machine import NotHereError


def not_here(cache: Path) -> Path:
    raise NotHereError(f"nothing in {cache.name}")


def not_made(folder: Path) -> None:
    del folder


@pytest.mark.parametrize(("option", "status"), [([], 0), (["--require"], 3)])
def test_where_it_cannot_be_had_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, option: list[str], status: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(nspawn_robot, "PROGRAMS", {})
    monkeypatch.setattr(nspawn_robot, "make_root", not_here)
    monkeypatch.setattr(nspawn_robot, "make_first", not_made)
    monkeypatch.setattr(sys, "argv", ["nspawn_robot", "--cache", str(tmp_path / "cache"), *option])
    assert nspawn_robot.main() == status
    assert "SKIPPED: forerun was not installed and booted under systemd: nothing in cache" in capsys.readouterr().out


def test_without_root_it_says_so_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["nspawn_robot", "--cache", str(tmp_path / "cache")])
    assert nspawn_robot.main() == 0
    assert "need root's rights" in capsys.readouterr().out
    assert not (tmp_path / "cache").exists()


def test_an_unknown_trial_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["nspawn_robot", "--only", "earthquake"])
    with pytest.raises(SystemExit, match="2"):
        nspawn_robot.main()
    assert "no trial earthquake" in capsys.readouterr().err


def test_the_last_trial_removes_what_the_others_need() -> None:
    assert list(TRIALS)[-1] == "uninstall"
    assert set(ONCE) <= {*TRIALS, *PREPARATIONS}


def test_what_makes_another_version_is_there_to_be_changed() -> None:
    for changed, _addition in CHANGES.values():
        assert (REPOSITORY / changed).is_file()
    assert set(CHANGES) == set(Version) - {Version.FIRST}


def test_the_simulated_robot_can_be_made_patient() -> None:
    assert 'follow = "push"' in robot_file()


def test_a_changed_wheel_is_a_wheel(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "old.whl", "w") as old:
        old.writestr("part/one.py", "A = 1\n")
        old.writestr("part/two.py", "B = 2\n")
        old.writestr("x.dist-info/RECORD", "part/one.py,sha256=abc,6\npart/two.py,sha256=def,6\nx.dist-info/RECORD,,\n")
    change_wheel(tmp_path / "old.whl", tmp_path / "new.whl", "part/one.py", "# more\n")
    with zipfile.ZipFile(tmp_path / "new.whl") as new:
        assert new.read("part/one.py") == b"A = 1\n# more\n"
        assert new.read("part/two.py") == b"B = 2\n"
        first, *others = new.read("x.dist-info/RECORD").decode().splitlines()
    # printf 'A = 1\n# more\n' | openssl dgst -sha256 -binary | basenc --base64url
    assert first == "part/one.py,sha256=JiKjl3XmhcoDw5-HuR7dr2Ij1aQT06UFGMNG4J3U360,13"
    assert others == ["part/two.py,sha256=def,6", "x.dist-info/RECORD,,"]


def test_trees_differ_by_what_was_made_changed_and_removed() -> None:
    before: dict[str, list[object]] = {
        "/a": [1],
        "/b": [1],
        "/c": [1],
        "/etc/passwd": [1],
        "/var/lib/forerun/flight": [1],
    }
    after: dict[str, list[object]] = {
        "/a": [1],
        "/b": [2],
        "/d": [1],
        "/etc/passwd": [2],
        "/var/lib/forerun/flight": [2],
    }
    assert differences(before, after) == ["/b", "/c", "/d"]


def test_a_trial_that_fails_lets_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger()
    with ledger.trial("first", is_last=False):
        raise MachineError("only a busy moment")
    assert not ledger.failed
    with ledger.trial("first"):
        raise AssertionError("no torque")
    with ledger.trial("second") as entry:
        entry.text = "well"
    ledger.print_table()
    assert ledger.failed
    said = capsys.readouterr().out
    assert "3 steps, 1 failed" in said
    assert "no torque" in said


def test_a_fault_of_the_trials_themselves_is_not_taken_for_one_of_the_robot() -> None:
    with pytest.raises(KeyError), Ledger().trial("first"):
        raise KeyError("no such key")


def test_waiting_ends_and_says_for_what() -> None:
    with pytest.raises(MachineError, match=r"not within 0\.01 s: the moon is full"):
        until(lambda: False, 0.01, "the moon is full")
