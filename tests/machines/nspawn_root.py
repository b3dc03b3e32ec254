"""A small Debian as a folder, made by mmdebstrap in half a minute, and kept until other packages are wanted."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.machines.uml_machine import NotHereError

RELEASE, PYTHON = "bookworm", "3.11"  # Debian 12, and its Python
# What a Jetson has before forerun comes: systemd and its parts, Python, and what install.sh asks apt for, which is out of reach inside.
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "udev",
    "dbus",
    "kmod",
    "iproute2",
    "procps",
    "sudo",
    "python3",
    "python3-venv",
    "libusb-1.0-0",
    "libudev1",
)


def make_root(cache: Path) -> Path:
    """Return the folder of the Debian, made where it is missing or of other packages; raises NotHereError."""
    folder, stamp = cache / "root", cache / "root.packages"
    wanted = " ".join((RELEASE, *PACKAGES))
    if folder.is_dir() and stamp.is_file() and stamp.read_text() == wanted:
        return folder
    if os.geteuid() != 0:
        raise NotHereError("making a Debian root and booting it needs root's rights")
    stamp.unlink(missing_ok=True)
    fresh = cache / "root.part"
    for old in (folder, fresh):
        shutil.rmtree(old, ignore_errors=True)
    make = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE, str(fresh)]
    try:
        subprocess.run(make, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        said = getattr(error, "stderr", "").strip().splitlines()[-3:]
        raise NotHereError(f"mmdebstrap made no Debian {RELEASE}: {'; '.join(said) or error}") from error
    (fresh / "etc" / "hostname").write_text("robot\n")
    fresh.replace(folder)
    stamp.write_text(wanted)
    return folder
