"""The report that people send: what is in it, what is not, and that it is bounded and whole."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bench.doctor.asking import Answer
from bench.doctor.support_report import collect, contents_shown, write_report
from bench.jetson_rig import plant
from bench.record_rig import RecordRig
from interfaces.errors import RefusedError

NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)


@pytest.fixture
def rig(tmp_path: Path) -> RecordRig:
    """A robot with a joints record, on a machine with keys."""
    plant(tmp_path / "machine", {"etc/os-release": "NAME=Ubuntu\n", "etc/forerun/trusted-keys/a.pub": "KEY"}, {})
    made = RecordRig(tmp_path)
    made.save(made.joints())
    return made


def asked(commands: list[Sequence[str]], said: str = "a line of the journal\n") -> Answer:
    return Answer(text=said) if commands[-1][0] == "journalctl" else Answer(trouble="there is no systemctl")


def test_what_is_inside_is_what_is_told(rig: RecordRig, tmp_path: Path) -> None:
    commands: list[Sequence[str]] = []

    def ask(command: Sequence[str]) -> Answer:
        commands.append(command)
        return asked(commands)

    contents = collect(rig.robot_file, rig.robot, tmp_path / "machine", ask)
    assert set(contents) == {"versions.txt", "journal.txt", "units.txt", "robot.toml", "calibration/joints.toml"}
    assert contents["journal.txt"] == b"a line of the journal\n"
    assert contents["units.txt"] == b"(there is no systemctl)\n"
    assert b"NAME=Ubuntu" in contents["versions.txt"]
    assert b"numpy==" in contents["versions.txt"]
    (journal,) = [command for command in commands if command[0] == "journalctl"]
    assert {"--boot", "--unit=forerun*", "--lines=5000"} <= set(journal)  # of this boot, of our units, bounded
    shown = contents_shown(contents)
    assert all(name in shown for name in contents)
    assert not any(b"KEY" in content for content in contents.values())
    path = tmp_path / "sent/report.tar.gz"
    path.parent.mkdir()
    write_report(path, contents, NOW)
    with tarfile.open(path) as archive:
        assert sorted(archive.getnames()) == sorted(f"report/{name}" for name in contents)
        robot = archive.extractfile("report/robot.toml")
        assert robot is not None
        assert robot.read().strip() == rig.robot_file.read_bytes().strip()
    assert list(path.parent.iterdir()) == [path]


def test_a_robot_file_that_is_broken_is_sent_as_it_is(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"rate = \xff")
    contents = collect(broken, None, tmp_path, lambda _command: Answer(trouble="no"))
    assert contents["robot.toml"].startswith(b"rate = ")
    assert set(collect(tmp_path / "none", None, tmp_path, lambda _command: Answer())) == {
        "versions.txt", "journal.txt", "units.txt",
    }  # fmt: skip


def test_a_journal_is_cut_at_its_beginning(tmp_path: Path) -> None:
    long = "x" * 5_000_000 + "the end"
    contents = collect(tmp_path / "none", None, tmp_path, lambda _command: Answer(text=long))
    assert len(contents["journal.txt"]) == 4_000_000
    assert contents["journal.txt"].endswith(b"the end")


def test_where_it_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be written"):
        write_report(tmp_path / "no/report.tar.gz", {"a": b"b"}, NOW)
