"""What the command for real SocketCAN does where it cannot run, and how it asks for its trials."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.machines import uml_can
from tests.machines.uml_machine import NotHereError, run_machine, start_script


def not_here(cache: Path) -> Path:
    raise NotHereError(f"nothing in {cache.name}")


@pytest.mark.parametrize(("option", "status"), [([], 0), (["--require"], 3)])
def test_where_it_cannot_be_had_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, option: list[str], status: int
) -> None:
    monkeypatch.setattr(uml_can, "PROGRAMS", {})
    monkeypatch.setattr(uml_can, "fetch_kernel", not_here)
    monkeypatch.setattr(sys, "argv", ["uml_can", "--cache", str(tmp_path / "cache"), *option])
    assert uml_can.main() == status
    assert "SKIPPED: the CAN drivers did not run on real SocketCAN: nothing in cache" in capsys.readouterr().out


def test_every_trial_is_there() -> None:
    here = Path(uml_can.__file__).parent
    assert all((here / name).is_file() for name in uml_can.TRIALS)


def no_preload(folder: Path) -> dict[str, str]:
    del folder
    return {}


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel that runs its start script as an ordinary program, which here means: outside."""
    monkeypatch.setattr("tests.machines.uml_machine._preload", no_preload)
    modules = tmp_path / "kernel" / "usr" / "lib" / "uml" / "modules" / "6.1"
    modules.mkdir(parents=True)
    (modules / "vcan.ko").touch()
    program = tmp_path / "kernel" / "usr" / "bin" / "linux.uml"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nfor word; do case $word in init=*) exec sh "${word#init=}.test";; esac; done\n')
    program.chmod(0o755)
    return tmp_path / "kernel"


@pytest.mark.parametrize(
    ("script", "status"),
    [("echo hello; echo forerun-status 5", 5), ("echo no end", None), ("echo; echo forerun-status 0; sleep 60", 0)],
)
def test_the_status_of_the_command_is_that_of_the_machine(
    kernel: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], script: str, status: int | None
) -> None:
    (tmp_path / "start.sh.test").write_text(script)
    assert run_machine(kernel, "", tmp_path, timeout_s=2.0 if "sleep" in script else 60.0) == status
    assert "forerun-status" not in capfd.readouterr().out


def test_the_start_script_is_one_for_the_shell(kernel: Path) -> None:
    script = start_script(kernel, ("vcan",), "cd / && true")
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    assert "vcan.ko" in script
