"""What install.sh says of a machine, and what it refuses: on trees that look like a Jetson, and like none."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest

from provision.wheel_lock import write_each

REPOSITORY = Path(__file__).parents[2]
PACKAGE = (
    "Package: {}\nStatus: install ok installed\nVersion: {}\nArchitecture: arm64\nMaintainer: m\nDescription: d\n\n"
)


def jetson(root: Path, *, l4t: str = "# R36 (release), REVISION: 4.3, GCID: 38968081", rt_group: str = "y") -> Path:
    files = {
        "proc/device-tree/model": b"NVIDIA Jetson AGX Orin Developer Kit\0",
        "proc/sys/kernel/osrelease": b"5.15.148-tegra\n",
        "proc/config.gz": gzip.compress(f"CONFIG_RT_GROUP_SCHED={rt_group}\nCONFIG_CAN_RAW=m\n".encode()),
        "etc/nv_tegra_release": l4t.encode(),
        "var/lib/nvpmodel/status": b"pmode:0000\n",
        "var/lib/dpkg/status": (
            PACKAGE.format("tensorrt", "10.3.0.30-1+cuda12.5") + PACKAGE.format("systemd", "249.11-0ubuntu3.12")
        ).encode(),
    }
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def told_of(root: Path) -> dict[str, str]:
    """Return what a dry run says of the machine, by name."""
    done = run("--dry-run", "--root", str(root))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.partition("Installing version")[0].splitlines()
    return {line[2:14].strip(): line[15:] for line in lines if line.startswith("  ")}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(REPOSITORY / "install.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120.0)


needs_python = pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="this system has no Python of its own")


@needs_python
def test_a_jetson_says_what_it_is(tmp_path: Path) -> None:
    told = told_of(jetson(tmp_path))
    assert told["board"] == "NVIDIA Jetson AGX Orin Developer Kit"
    assert told["JetPack"] == "6.2 (L4T 36.4.3)"
    assert told["TensorRT"] == "10.3.0.30-1+cuda12.5"
    assert told["power mode"] == "mode 0000"
    assert told["kernel"].startswith("5.15.148-tegra, not PREEMPT_RT")
    assert told["real time"].startswith("CONFIG_RT_GROUP_SCHED is on")
    assert told["CAN"] == "the kernel has SocketCAN"
    assert told["systemd"] == "249"


@needs_python
@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("# R36 (release), REVISION: 5.0, GCID: 1", "6.2.2 (L4T 36.5.0)"),
        ("# R39 (release), REVISION: 2.0, GCID: 1", "7.2 (L4T 39.2.0)"),
        ("# R39 (release), REVISION: 2.1, GCID: 1", "7.2.1 (L4T 39.2.1)"),
        ("# R35 (release), REVISION: 4.1, GCID: 1", "of L4T 35.4.1; forerun is made for 6.2 and 7.2"),
    ],
)
def test_each_jetpack_is_known_by_its_l4t(tmp_path: Path, release: str, expected: str) -> None:
    assert told_of(jetson(tmp_path, l4t=release))["JetPack"] == expected


@needs_python
def test_what_is_no_jetson_is_fine(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    told = told_of(tmp_path)
    assert told["board"] == "no Jetson: ONNX Runtime on the CPU"
    assert (told["JetPack"], told["TensorRT"]) == ("none", "none")


@needs_python
def test_an_older_systemd_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(PACKAGE.format("systemd", "245.4-4ubuntu3"))
    done = run("--dry-run", "--root", str(tmp_path))
    assert done.returncode == 1
    assert "systemd 245 is too old" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["install", "--fast"], "there is no option --fast"),
        (["install", "--root"], "--root needs a value"),
        (["install", "--root", "/nowhere/at/all"], "no such folder"),
        (["--robot", "/nowhere/robot.toml", "--dry-run"], "no such file"),
        (["install", "something"], "what is something?"),
        (["install", "--purge"], "--purge belongs to uninstall"),
        (["install", "--python", "3.10"], "--python belongs to bundle-wheels"),
        (["bundle-wheels"], "needs a folder"),
    ],
)
def test_what_cannot_be_is_refused_with_status_2(arguments: list[str], why: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert why in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="another's refusal is that root is needed")
@pytest.mark.parametrize("action", ["upgrade", "rollback", "uninstall"])
def test_where_nothing_is_installed_there_is_nothing_to_do(tmp_path: Path, action: str) -> None:
    done = run(action, "--root", str(tmp_path))
    assert done.returncode == 2
    assert "nothing is installed" in done.stderr or "no version to go back to" in done.stderr


def test_the_lock_has_exactly_one_of_each_package_for_each_robot(tmp_path: Path) -> None:
    lock = REPOSITORY / "provision/requirements-robot.txt"
    for python in ("3.10", "3.11", "3.12", "3.13"):
        for machine in ("x86_64", "aarch64"):
            folder = tmp_path / python / machine
            write_each(lock, python, machine, folder)
            files = {path.name: path.read_text() for path in folder.iterdir()}
            names = [name.split("==")[0] for name in files]
            assert {"numpy", "onnxruntime", "pyrealsense2", "ruckig", "gpiod", "cryptography"} <= set(names)
            assert len(names) == len(set(names))
            assert all(" --hash=sha256:" in text for text in files.values())
    assert (tmp_path / "3.10/aarch64/onnxruntime==1.23.2").exists(), "the last for JetPack 6's Python"
    assert not (tmp_path / "3.12/aarch64/tomli==2.5.0").exists()


def test_the_lock_has_the_versions_that_are_tested() -> None:
    constraints = (REPOSITORY / "constraints.txt").read_text()
    pins = [line.split()[0] for line in (REPOSITORY / "provision/requirements-robot.txt").read_text().splitlines()
            if "==" in line and not line.startswith(("#", " "))]  # fmt: skip
    # What constraints.txt does not name comes only with other machines, as a package for Windows.
    named = {line.split("==")[0] for line in constraints.splitlines() if "==" in line}
    assert [pin for pin in pins if pin.split("==")[0] in named and f"{pin}" not in constraints] == []
