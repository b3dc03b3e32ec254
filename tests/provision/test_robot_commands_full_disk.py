"""sudo ./install.sh on the worst day: the disk fills up in the middle of a switch, and stays full while it goes back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.provision.install_rig import PATIENCE_S, REPOSITORY, bare_tree, differing, install, tree_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root installs")

FULL = """#!/bin/sh
case "$*" in
*/stage/*) echo "install: No space left on device" >&2; exit 1 ;;
esac
exec /usr/bin/install "$@"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a tree with two versions, as far as a switch between them needs any; the files of the first are in place."""
    root = bare_tree(tmp_path / "root")
    with (root / "etc/passwd").open("a") as accounts:
        accounts.write("forerun:x:995:995::/:/usr/sbin/nologin\n")
    for name in ("one", "two"):
        version = root / "opt/forerun/versions" / name
        shutil.copytree(REPOSITORY / "systemd", version / "systemd")
        (version / "complete").touch()
    (root / "opt/forerun/versions/two/systemd/forerun.target").write_text("[Unit]\nDescription=another\n")
    (root / "opt/forerun/current").symlink_to("versions/two")
    (root / "opt/forerun/previous").symlink_to("versions/one")
    done = install(REPOSITORY, "rollback", "--root", str(root))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (root / "etc/systemd/system/forerun-command.service").is_file()
    assert (root / "opt/forerun/current").readlink() == Path("versions/one")
    return root


def on_a_full_disk(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    programs = folder / "programs"
    programs.mkdir()
    (programs / "install").write_text(FULL)
    (programs / "install").chmod(0o755)
    return subprocess.run(
        [str(REPOSITORY / "install.sh"), "rollback", "--root", str(root)],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
    )  # fmt: skip


def test_a_disk_that_is_full_in_the_middle_of_a_switch_costs_no_unit_and_no_version(root: Path, tmp_path: Path) -> None:
    before = tree_of(root)
    full = on_a_full_disk(root, tmp_path)
    assert full.returncode != 0, full.stdout
    assert "No space left" in full.stderr
    lost = [path for path in differing(before, tree_of(root)) if not path.startswith("/opt/forerun/")]
    assert not lost, full.stdout
    assert (root / "opt/forerun/current").readlink() == Path("versions/one")
    assert (root / "opt/forerun/versions/two/complete").exists()


def test_the_next_run_ends_what_the_full_disk_left(root: Path, tmp_path: Path) -> None:
    on_a_full_disk(root, tmp_path)
    done = install(REPOSITORY, "rollback", "--root", str(root))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (root / "opt/forerun/current").readlink() == Path("versions/two")
    assert (root / "opt/forerun/previous").readlink() == Path("versions/one")
    assert (root / "etc/systemd/system/forerun.target").read_text().endswith("another\n")
    assert not (root / "opt/forerun/switching").exists()


def test_without_a_folder_for_files_on_their_way_nothing_is_changed(root: Path) -> None:
    before = tree_of(root)
    done = subprocess.run(
        [str(REPOSITORY / "install.sh"), "rollback", "--root", str(root)],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S, env={**os.environ, "TMPDIR": str(root / "none")},
    )  # fmt: skip
    assert done.returncode == 1
    assert "no folder for files on their way" in done.stderr
    assert not [path for path in differing(before, tree_of(root)) if not path.startswith("/opt/forerun/")]
