"""forerun bundle, as a person uses it, with the bundle of this repository: from a folder to the one in charge, and back."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from bench.bundle_rig import make_bundle
from forerun.__main__ import main
from interfaces.robot_config import load_robot
from interfaces.trusted_path import Trust
from runtime.bundles.run_choice import BundleRun, begin_run
from runtime.policy.bundle import open_bundle

ROOT = Path(__file__).parents[2]
ROBOT_FILE = ROOT / "robots/simulated.toml"
REAL = ROOT / "robots/bundles/so101-small"
NOW = datetime(2026, 11, 21, 18, 0, tzinfo=timezone.utc)

Forerun = Callable[..., int]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shelf of one's own, and a working directory where nothing runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "state"


@pytest.fixture
def bundle(state: Path) -> Forerun:
    """Calls forerun bundle with that shelf."""
    takes = {"install": "rk", "activate": "rk", "rollback": "r", "remove": "r", "list": "", "show": "k"}

    def bundle(action: str, *arguments: object) -> int:
        options = ["--shelf", state]
        options += ["--robot", ROBOT_FILE] if "r" in takes[action] else []
        options += ["--trusted-keys", state.parent / "keys"] if "k" in takes[action] else []
        return main(["bundle", action, *map(str, (*options, *arguments))])

    return bundle


def listed(bundle: Forerun, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert bundle("list", "--json") == 0
    return json.loads(capsys.readouterr().out)["bundles"]


def begin(state: Path) -> BundleRun:
    run = begin_run(state, NOW)
    assert run is not None
    return run


def test_from_a_folder_to_the_one_in_charge_and_back(
    bundle: Forerun, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bundle("install", REAL) == 0
    assert bundle("activate", "so101") == 0
    printed = capsys.readouterr().out
    for part in (
        "copying 1",
        "reproduces them as cpu-int8 on ONNX Runtime, tokens within",
        "the dry run on live pictures is left out: no policy runs",
        "on trial: 120 s of work within 3 starts; if not, there is none to fall back to",
    ):
        assert part in printed
    run = begin(state)
    assert open_bundle(run.folder, load_robot(ROBOT_FILE), Trust(root=state)).manifest.name == "so101-small"
    run.passed()
    assert [row["state"] for row in listed(bundle, capsys)] == ["active, passed, never followed"]
    run.followed()

    second = Path(shutil.copytree(REAL, tmp_path / "second"))
    manifest = second / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("4000 demonstrations", "4001 demonstrations"))
    assert bundle("install", second) == 0
    rows = listed(bundle, capsys)
    assert [row["state"] for row in rows] == ["active", "installed"]
    assert bundle("activate", rows[1]["name"]) == 0
    begin(state)
    rows = listed(bundle, capsys)
    assert [row["state"] for row in rows] == ["active, on trial: 1 of 3 starts", "previous"]
    begin(state).failed("no finite output for 10 s")
    rows = listed(bundle, capsys)
    assert [(row["state"], row["runs"]) for row in rows] == [
        ("active, failed: no finite output for 10 s", False),
        ("previous", True),
    ]
    assert bundle("rollback") == 0
    assert begin(state).said == f"runs bundle {rows[1]['name']}"
    assert bundle("remove", rows[0]["name"]) == 2
    assert "it is the previous one" in capsys.readouterr().err


def test_the_table_is_for_people(bundle: Forerun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bundle("list") == 0
    assert "no bundles on the shelf" in capsys.readouterr().out
    bundle("install", make_bundle(tmp_path / "tiny", "1"))
    bundle("list")
    printed = capsys.readouterr().out
    assert "the bundle that the robot file names is run" in printed
    bundle("activate", "tiny")
    capsys.readouterr()
    bundle("list")
    head, row, _, foot = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "family", "created", "size", "signed", "state"]
    assert row.startswith("*  tiny-")
    assert row.endswith("active, on trial: 0 of 3 starts")
    assert foot == "* runs at the next start"


def test_a_damaged_bundle_is_listed_as_such(
    bundle: Forerun, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle("install", make_bundle(tmp_path / "tiny", "1"))
    (next((state / "bundles").glob("tiny-*")) / "manifest.toml").write_bytes(b"\xff")
    assert "damaged: " in listed(bundle, capsys)[0]["state"]


def test_show_tells_all_of_a_bundle(bundle: Forerun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bundle("show", REAL) == 0
    printed = capsys.readouterr().out
    for part in (
        "small",
        "reach, push, press, lift",
        "front 424 x 240",
        "16 rows, 50 ms apart",
        "positions within 0.001 rad",
    ):
        assert part in printed
    for part in ("action.fp32.onnx, 5.48 MB", "as the manifest says", "not signed", "gripper", "4000 demonstrations"):
        assert part in printed
    spoilt = make_bundle(tmp_path / "tiny", "1")
    (spoilt / "action.onnx").write_bytes(b"nothing")
    (spoilt / "notes.txt").write_bytes(b"notes")
    assert bundle("show", spoilt) == 1
    printed = capsys.readouterr().out
    assert "action.onnx, NOT what its manifest says" in printed
    assert "NOT WHOLE: " in printed
    assert "notes.txt: its manifest does not name this file" in printed


def test_a_newer_format_is_refused_plainly(bundle: Forerun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_bundle(tmp_path / "tiny", "1")
    manifest = source / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("format = 2", "format = 3\nspeech = true"))
    for action in ("show", "install"):
        assert bundle(action, source) == 2
        said = capsys.readouterr().err
        assert "written by a newer forerun; upgrade this one" in said
        assert len(said.strip().splitlines()) == 1


def test_keys_and_signatures(bundle: Forerun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, key = make_bundle(tmp_path / "tiny", "1"), tmp_path / "alice"
    assert main(["bundle", "keygen", str(key)]) == 0
    (tmp_path / "keys").mkdir()
    shutil.copy(tmp_path / "alice.pub", tmp_path / "keys")
    assert bundle("install", source) == 2
    assert "is not signed; this robot wants it signed with one of alice.pub" in capsys.readouterr().err
    assert main(["bundle", "sign", str(source), "--key", str(key)]) == 0
    assert bundle("install", source) == 0
    assert "signed with alice.pub" in capsys.readouterr().out
    assert bundle("show", source) == 0
    assert "signed with alice.pub" in capsys.readouterr().out


def test_the_robot_files_own_bundle_is_what_is_gone_back_to(bundle: Forerun, state: Path, tmp_path: Path) -> None:
    """As installed: /etc/forerun/bundles is a link to the shelf, and the robot file names a bundle by that."""
    etc = tmp_path / "etc"
    (state / "bundles").mkdir(parents=True)
    etc.mkdir()
    (etc / "bundles").symlink_to(state / "bundles")
    shutil.copytree(REAL, state / "bundles/so101-small")
    robot_file = Path(shutil.copy(ROBOT_FILE, etc / "robot.toml"))
    source = make_bundle(tmp_path / "tiny", "1")
    assert bundle("install", source, "--robot", robot_file) == 0
    assert bundle("activate", "tiny", "--robot", robot_file) == 0
    begin(state).failed("it smokes")
    assert begin(state).name == "so101-small"
    assert begin(state).fallback
    assert bundle("remove", "so101-small", "--robot", robot_file) == 2


def test_without_shelf_or_robot_it_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if Path("/var/lib/forerun").is_dir() or Path("/etc/forerun/robot.toml").is_file():
        pytest.skip("a robot is installed on this machine")
    assert main(["bundle", "list"]) == 2
    assert "--shelf DIR says where the bundles lie" in capsys.readouterr().err
    assert main(["bundle", "install", str(REAL), "--shelf", str(tmp_path)]) == 2
    assert "--robot FILE says" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_may_not_write_the_shelf_is_told(
    bundle: Forerun, tmp_path: Path, state: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bundle("install", make_bundle(tmp_path / "tiny", "1"))
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    pid = os.fork()
    if pid == 0:
        os.setgid(65534)
        os.setuid(65534)
        code = bundle("remove", "tiny")
        sys.stderr.flush()
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 2
    assert f"{state}/bundles: Permission denied" in capfd.readouterr().err
    assert len(list((state / "bundles").glob("tiny-*"))) == 1


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.25, 0.4, 0.6])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_broken_off_at_any_moment_the_shelf_works(
    bundle: Forerun, state: Path, tmp_path: Path, delay_s: float, how: signal.Signals
) -> None:
    bundle("install", make_bundle(tmp_path / "first", "1"))
    bundle("activate", "tiny")
    begin(state).passed()
    first = begin(state).name
    options = ["--shelf", str(state), "--robot", str(ROBOT_FILE), "--trusted-keys", str(tmp_path / "keys")]
    process = subprocess.Popen(
        [sys.executable, "-m", "forerun", "bundle", "install", str(REAL), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    process.stdout.readline()  # "copying": it is under way
    time.sleep(delay_s)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert begin(state).name == first
    for folder in (state / "bundles").glob("[a-z]*-*"):
        open_bundle(folder, load_robot(ROBOT_FILE), Trust(root=state))
    if how is signal.SIGINT:
        assert not list((state / "bundles").glob(".install-*"))
    assert bundle("install", REAL) == 0
    assert not list((state / "bundles").glob(".install-*"))
