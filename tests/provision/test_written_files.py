"""How the machine's files get there: once, in one step each, and gone when the robot file no longer needs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interfaces.robot_config import RobotConfig
from provision.__main__ import main as provision
from provision.machine_file import MachineFile
from provision.machine_files import machine_files
from provision.written_files import Change, pending, read_noted, write
from tests.provision.unit_reading import ROOT

COMMAND = Path("/etc/systemd/system/forerun-command.service.d/50-robot.conf")
SAFE = Path("/etc/systemd/system/forerun-safe.service.d/50-robot.conf")
BY_ID = "/dev/serial/by-id/usb-1a86_USB_Single_Serial_0001-if00"


def test_written_once_changed_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yam, so101 = (str(ROOT / f"robots/{name}.toml") for name in ("yam", "so101"))
    root = ["--root", str(tmp_path)]
    assert provision([yam, *root, "--dry-run"]) == 0
    assert not list(tmp_path.iterdir())
    assert "would be new: /etc/systemd/network/80-forerun-can0.network" in capsys.readouterr().out
    assert provision([yam, *root]) == 0
    said = capsys.readouterr().out
    assert "new: /etc/systemd/network/80-forerun-can0.network" in said
    assert "needed: systemd-networkd.service is not enabled" in said
    first = _tree(tmp_path)
    assert provision([yam, *root]) == 0
    assert "unchanged: " in capsys.readouterr().out
    assert _tree(tmp_path) == first
    assert provision([so101, *root]) == 0
    said = capsys.readouterr().out
    assert "removed: /etc/systemd/network/80-forerun-can0.network" in said
    assert f"changed: {COMMAND}" in said
    assert not [path for path in _tree(tmp_path) if "can0" in path]


def test_what_others_put_beside_stays(tmp_path: Path, so101: RobotConfig) -> None:
    write(machine_files(so101), tmp_path)
    mine = tmp_path / "etc/systemd/system/forerun-safe.service.d/90-mine.conf"
    mine.write_text("[Service]\n")
    assert Change("removed", SAFE) in write((), tmp_path)
    assert mine.exists()
    assert not (tmp_path / "etc/systemd/system/forerun-policy.service.d").exists()
    assert read_noted(tmp_path).paths == ()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (MachineFile(Path("/etc/x.conf"), text) for text in ("old\n", "new\n"))
    write((old,), tmp_path)

    def no_room(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space"):
        write((new,), tmp_path)
    assert (tmp_path / "etc/x.conf").read_text() == "old\n"
    assert [path.name for path in (tmp_path / "etc").iterdir()] == ["x.conf"]


def test_cut_off_at_any_file_the_next_run_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, yam: RobotConfig
) -> None:
    files = machine_files(yam)
    real, n_left = os.replace, 0

    def cut_off(source: Path, target: Path) -> None:
        nonlocal n_left
        if n_left == 0:
            raise KeyboardInterrupt
        n_left -= 1
        real(source, target)

    for n_allowed in range(1, len(files) + 1):
        root = tmp_path / str(n_allowed)
        n_left = n_allowed
        monkeypatch.setattr(os, "replace", cut_off)
        with pytest.raises(KeyboardInterrupt):
            write(files, root)
        monkeypatch.setattr(os, "replace", real)
        assert len(pending((), root)) == n_allowed - 1  # the list was the first
        write((), root)
        assert [path for path in _tree(root) if not path.endswith("machine-files")] == []


def test_the_adapter_is_remembered(tmp_path: Path) -> None:
    robot = tmp_path / "robot.toml"
    text = (ROOT / "robots/so101.toml").read_text(encoding="utf-8")
    robot.write_text(text.replace("/dev/ttyACM0", "/dev/forerun-arm"), encoding="utf-8")
    root = ["--root", str(tmp_path / "tree")]
    assert provision([str(robot), *root]) == 2
    assert provision([str(robot), *root, "--adapter", BY_ID]) == 0
    before = _tree(tmp_path / "tree")
    assert provision([str(robot), *root]) == 0
    assert _tree(tmp_path / "tree") == before


def test_a_bad_robot_file_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    robot = tmp_path / "robot.toml"
    robot.write_text("format = 1\nnme = 'x'\n", encoding="utf-8")
    assert provision([str(robot), "--root", str(tmp_path / "tree")]) == 2
    assert f"{robot}: nme is 'x'; expected one of" in capsys.readouterr().err
    assert not (tmp_path / "tree").exists()


def test_what_must_be_enabled(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, expected in (("yam", "systemd-networkd.service\n"), ("so101", "")):
        assert provision([str(ROOT / f"robots/{name}.toml"), "--root", str(tmp_path), "--needs"]) == 0
        assert capsys.readouterr().out == expected
    assert not list(tmp_path.iterdir())


def test_permissions_are_mended(tmp_path: Path, so101: RobotConfig) -> None:
    files = machine_files(so101)
    write(files, tmp_path)
    (tmp_path / COMMAND.relative_to("/")).chmod(0o666)
    assert write(files, tmp_path) == (Change("changed", COMMAND),)
    assert (tmp_path / COMMAND.relative_to("/")).stat().st_mode & 0o777 == 0o644


def _tree(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
