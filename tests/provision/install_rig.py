"""install.sh into a tree below a folder of the test's, from wheels made here, without network: what the tests of it share.

The packages of this environment are not installed again for each version: a small wheel beside forerun's own points to them. All
else is as on a robot: install.sh itself, its hashes, its virtual environments, the self-test as another user.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ROOMS = ("forerun", "interfaces", "drivers", "runtime", "export", "calibration", "models", "distill", "sim", "bench")
DATA = ("provision", "robots", "systemd")
FILES = ("install.sh", "pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY_NOTICES.md")
PATIENCE_S = 300.0

Tree = dict[str, tuple[object, ...]]


def why_not_here() -> str:
    """Return why install.sh cannot be tried here, or nothing."""
    if os.geteuid() != 0:
        return "only root installs"
    python = Path("/usr/bin/python3")
    ask = [str(python), "-Ic", "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False) if python.exists() else None
    if done is None or done.stdout.strip() != PYTHON:
        return f"the system's Python is not {PYTHON} with venv, for which this environment has packages"
    packages = Path(sysconfig.get_path("purelib")).resolve()
    closed = [path for path in (packages, *packages.parents) if not path.stat().st_mode & stat.S_IXOTH]
    return f"{closed[-1]} is closed to the service's user" if closed else ""


def make_checkout(folder: Path, changes: dict[str, str] | None = None) -> Path:
    """Copy this checkout, without what no installation is made from; `changes` is put at the end of files."""
    folder.mkdir()
    for name in FILES:
        shutil.copy2(REPOSITORY / name, folder)
    for name in (*ROOMS, *DATA):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in (changes or {}).items():
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(text)
    return folder


def make_wheels(checkout: Path, folder: Path) -> Path:
    """Make the folder of wheels of a checkout, and have install.sh's own code seal it."""
    folder.mkdir()
    rooms = [checkout / name for name in (*ROOMS, "provision", "robots")]
    files = {
        str(path.relative_to(checkout)): path.read_bytes()
        for room in rooms
        for path in sorted(room.rglob("*"))
        if path.is_file()
    }
    entry = b"[console_scripts]\nforerun = forerun.__main__:main\n"
    write_wheel(folder, "forerun", {**files, "forerun-0.1.0.dist-info/entry_points.txt": entry})
    write_wheel(folder, "test_environment", {"test_environment.pth": sysconfig.get_path("purelib").encode() + b"\n"})
    script = (
        'cd "$1"; SOURCE=; ROOT=; source provision/versions.sh; source provision/packages.sh;'
        ' source_hash; seal_folder "$2" "$3" "$4"'
    )
    subprocess.run(["bash", "-euc", script, "bash", str(checkout), str(folder), PYTHON, platform.machine()], check=True)
    return folder


def write_wheel(folder: Path, name: str, files: dict[str, bytes]) -> None:
    """Write a wheel of pure Python."""
    info = f"{name}-0.1.0.dist-info"
    about = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(folder / f"{name}-0.1.0-py3-none-any.whl", "w") as wheel:
        for path, data in {**files, **about}.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(data)}\n"
            wheel.writestr(path, data)
        wheel.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")


def bare_tree(folder: Path) -> Path:
    """Make a tree with what every system has."""
    for name in ("etc/systemd/system", "opt", "var/lib", "var/cache", "usr/local/bin", "run"):
        (folder / name).mkdir(parents=True)
    (folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (folder / "etc/group").write_text("root:x:0:\nvideo:x:44:\n")
    (folder / "etc/shadow").write_text("root:*:19000:0:99999:7:::\n")
    (folder / "etc/gshadow").write_text("root:*::\nvideo:!::\n")
    return folder


def install(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the install.sh of a checkout, cut off from any network."""
    return subprocess.run(
        command(checkout, *arguments), capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )


def command(checkout: Path, *arguments: str) -> list[str]:
    """Return the command line for that."""
    return ["unshare", "-n", str(checkout / "install.sh"), *arguments]


def kill_when(started: Sequence[str], scratch: Path, said: str, how: signal.Signals) -> str:
    """Start an install.sh, and kill it and all it started as soon as it says `said`; return what it said from then on."""
    process = subprocess.Popen(
        started, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )  # fmt: skip
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if said in line:
            break
    else:
        raise AssertionError(f"it never said {said!r}: {''.join(lines)}")
    os.killpg(process.pid, how)
    return process.communicate(timeout=PATIENCE_S)[0]


def tree_of(root: Path, *, times: bool = False) -> Tree:
    """Return what lies below `root`: kind and mode, owner, link target, hash; compiled Python, which holds times, left out."""
    return {f"/{path.relative_to(root)}": _facts(path, times=times) for path in root.rglob("*") if _counts(path)}


def _counts(path: Path) -> bool:
    return path.suffix != ".pyc" and not path.name.endswith("-") and path.name != ".pwd.lock"


def _facts(path: Path, *, times: bool) -> tuple[object, ...]:
    found = path.lstat()
    facts: tuple[object, ...] = (stat.filemode(found.st_mode), found.st_uid, found.st_gid)
    if path.is_symlink():
        return (*facts, str(path.readlink()))
    if path.is_file():
        facts = (*facts, hashlib.sha256(path.read_bytes()).hexdigest())
    return (*facts, found.st_mtime_ns) if times else facts


def differing(one: Tree, other: Tree) -> list[str]:
    """Return the paths that are not the same in both."""
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))
