"""Versions of what we stand on: JetPack, CUDA, TensorRT, Python; and every librealsense that this machine has."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.doctor.asking import Ask
from bench.doctor.packages import PackageFacts, read_packages
from bench.doctor.reading import below, lines, text
from drivers.realsense.troubles import LIBRARY_FOLDERS, librealsense_copies

_L4T = re.compile(r"# R(\d{1,3}) \(release\), REVISION: (\d{1,3}(?:\.\d{1,3})*)")
_DPKG = "var/lib/dpkg/status"
_DPKG_BYTES_MAX = 1 << 25
_LIBRARY_PATH = "LD_LIBRARY_PATH"  # of this process: what it says is found before everything else

# In a process of its own: what is loaded here says nothing of a fresh start.
_IMPORT_REALSENSE = """
import pyrealsense2
print("\\n".join(sorted({line.split()[-1] for line in open("/proc/self/maps") if "realsense" in line})))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareFacts:
    """What is told; empty for what is not there."""

    l4t: str  # "36.4.3"
    cuda: str  # "12.6.68"
    tensorrt: str  # "10.3.0": of the system's packages
    tensorrt_of_python: str  # as this Python would import it
    python: tuple[int, int]
    packages: PackageFacts
    librealsense: tuple[str, ...]  # libraries beside the one in our own package


def read_software(root: Path) -> SoftwareFacts:
    """Return what is told below `root`; Python and its packages are those that run this."""
    match = _L4T.search(text(root / "etc/nv_tegra_release") or "")
    packages = read_packages()
    extra = os.environ.get(_LIBRARY_PATH, "").split(":")  # noqa: TID251 - it is what is examined
    folders = [*LIBRARY_FOLDERS, *(folder for folder in extra if folder.startswith("/"))]
    return SoftwareFacts(
        l4t=f"{match.group(1)}.{match.group(2)}" if match else "",
        cuda=_cuda(root),
        tensorrt=_package_version(root, "libnvinfer10") or _package_version(root, "libnvinfer11"),
        tensorrt_of_python=packages.installed.get("tensorrt", ""),
        python=sys.version_info[:2],
        packages=packages,
        librealsense=tuple(str(path) for path in librealsense_copies(folders, root)),
    )


def loaded_libraries(ask: Ask) -> tuple[str, ...] | None:
    """Return the files of librealsense that this Python loads; None where it loads none. No camera is touched."""
    answer = ask([sys.executable, "-I", "-c", _IMPORT_REALSENSE])
    return None if answer.trouble else tuple(answer.text.splitlines())


def _cuda(root: Path) -> str:
    try:
        told = json.loads(text(below(root, "usr/local/cuda/version.json")) or "")
        return str(told["cuda"]["version"])[:20]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def _package_version(root: Path, package: str) -> str:
    """Return the version of a Debian package that is installed, as "10.3.0"."""
    ours = installed = False
    for line in lines(root / _DPKG, _DPKG_BYTES_MAX):
        if line.startswith("Package: "):
            ours, installed = line == f"Package: {package}", False
        elif ours and line.startswith("Status: "):
            installed = line.endswith(" installed")
        elif ours and installed and line.startswith("Version: "):
            found = re.search(r"\d{1,4}(?:\.\d{1,4}){1,3}", line)
            return found.group(0) if found else ""
    return ""
