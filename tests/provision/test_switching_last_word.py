"""An arm that a person told to follow nothing does not move because its forerun is upgraded."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from runtime.policy.last_word import LastWord
from tests.provision.install_rig import REPOSITORY

SCRIPT = """
cd "$1"
source install.sh --help >/dev/null
ROOT=$2
keep_last_word
"""


def keep_last_word(root: Path) -> None:
    subprocess.run(["bash", "-euc", SCRIPT, "bash", str(REPOSITORY), str(root)], check=True, timeout=60)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = tmp_path / "run/forerun"
    run.mkdir(parents=True)
    return run


def test_what_a_person_said_holds_over_the_stop_of_an_upgrade_and_over_no_other(run: Path) -> None:
    word = LastWord(run / "control.sock")
    word.note(None)
    keep_last_word(run.parents[1])
    word.forget()  # an ordered end
    again = word.read()
    assert again is not None
    assert again.instruction is None
    word.forget()
    assert word.read() is None
    assert not list(run.iterdir())


def test_where_nobody_said_anything_nothing_is_made(run: Path) -> None:
    keep_last_word(run.parents[1])
    assert not list(run.iterdir())


def test_whatever_the_service_put_there_is_neither_followed_nor_waited_for(run: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    for number, name in enumerate(("a", "b", "c")):
        (run / f"{name}.told").touch()
        kept = run / f"{name}.told.kept"
        if number == 0:
            os.mkfifo(kept)
        else:
            kept.symlink_to(victim if number == 1 else victim / "new")
    keep_last_word(run.parents[1])
    assert not list(victim.iterdir())
