"""A tree as install.sh makes it, as far as units and udev rules go, and a way to read unit files."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from interfaces.robot_config import RobotConfig, load_robot
from provision.systemd_version import systemd_version
from tests.provision.unit_reading import ROOT, unit_files

SYSTEM_UNITS = next(
    (path for path in map(Path, ("/usr/lib/systemd/system", "/lib/systemd/system")) if path.is_dir()), None
)
# What units refer to.
_TARGETS = ("basic.target", "multi-user.target", "shutdown.target", "sockets.target", "sysinit.target")
_PROGRAMS = ("bin/sh", "bin/rm", "opt/forerun/current/venv/bin/python")


@pytest.fixture(scope="session")
def units() -> Path:
    """The room of units."""
    return ROOT / "systemd"


@pytest.fixture(params=sorted((ROOT / "robots").glob("*.toml")), ids=lambda path: path.stem)
def robot_file(request: pytest.FixtureRequest) -> Path:
    """Each robot file of the repository."""
    path: Path = request.param
    return path


@pytest.fixture
def so101() -> RobotConfig:
    """A robot on a serial port."""
    return load_robot(ROOT / "robots/so101.toml")


@pytest.fixture
def yam() -> RobotConfig:
    """A robot on a CAN interface."""
    return load_robot(ROOT / "robots/yam.toml")


@pytest.fixture
def tree(tmp_path: Path, units: Path) -> Path:
    """A root folder with our units, the system's own, and programs where units look for them."""
    ours = tmp_path / "etc/systemd/system"
    ours.mkdir(parents=True)
    for path in unit_files(units):
        shutil.copy(path, ours)
    if SYSTEM_UNITS is not None:
        theirs = tmp_path / "usr/lib/systemd/system"
        theirs.mkdir(parents=True)
        for name in _TARGETS:
            shutil.copy(SYSTEM_UNITS / name, theirs)
        (tmp_path / "lib").symlink_to("usr/lib")
        (theirs.parent / f"libsystemd-shared-{systemd_version(Path('/'))}.so").touch()
    for name in _PROGRAMS:
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(stat.S_IRWXU)
    return tmp_path
