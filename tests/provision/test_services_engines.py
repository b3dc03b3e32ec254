"""install.sh has the engines built on the board it stands on, and a board on which they cannot be is installed all the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.provision.install_rig import REPOSITORY

SCRIPT = """
cd "$1"
ROOT=$3 DRY_RUN= CHANGES=0 OPT=$2/opt ROBOT=$2/robot.toml STATE=$2/state CACHE=$2/cache
is_jetson() { [[ -e $OPT/jetson ]]; }
say() { printf '%s\\n' "$*"; }
source provision/services.sh
build_engines
printf 'changes: %s\\n' "$CHANGES"
"""
FORERUN = """#!/bin/bash
printf '%s\\n' "$*" >"$(dirname "$0")/called"
{what}
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """An installed Jetson, whose forerun only says how it was called."""
    (tmp_path / "opt/current/venv/bin").mkdir(parents=True)
    (tmp_path / "cache/engines/one").mkdir(parents=True)
    (tmp_path / "opt/jetson").touch()
    (tmp_path / "robot.toml").touch()
    return tmp_path


def build_engines(board: Path, what: str, root: str = "") -> list[str]:
    """Return what build_engines says where forerun does `what`."""
    python = board / "opt/current/venv/bin/python"
    python.write_text(FORERUN.format(what=what), encoding="utf-8")
    python.chmod(0o755)
    command = ["bash", "-euc", SCRIPT, "bash", str(REPOSITORY), str(board), root]
    return subprocess.run(command, check=True, timeout=60, text=True, capture_output=True).stdout.splitlines()


def was_called(board: Path) -> bool:
    return (board / "opt/current/venv/bin/called").exists()


def test_they_are_built_for_the_bundle_in_charge(board: Path) -> None:
    told = build_engines(board, f"echo built >{board}/cache/engines/one/record.toml")
    assert told[-1] == "changes: 1"
    called = (board / "opt/current/venv/bin/called").read_text(encoding="utf-8").split()
    assert called == ["-I", "-m", "forerun", "build", "--shelf", f"{board}/state", "--cache", f"{board}/cache/engines"]


def test_where_there_is_nothing_to_do_nothing_changed(board: Path) -> None:
    (board / "cache/engines/one/record.toml").touch()
    assert build_engines(board, "true")[-1] == "changes: 0"


def test_what_cannot_be_built_stops_no_installation(board: Path) -> None:
    told = build_engines(board, "exit 2")
    assert told[-2:] == ["  the robot runs on the processor until sudo forerun build has built them", "changes: 0"]


@pytest.mark.parametrize("lacking", ["opt/jetson", "robot.toml"])
def test_only_on_a_jetson_with_a_robot_file(board: Path, lacking: str) -> None:
    (board / lacking).unlink()
    assert build_engines(board, "true") == ["changes: 0"]
    assert not was_called(board)


def test_not_for_a_board_that_is_somewhere_else(board: Path) -> None:
    assert build_engines(board, "true", root="/somewhere") == ["changes: 0"]
    assert not was_called(board)
