"""The Python packages of this environment: against what is pinned, twice there, or in each other's way.

Pins are lines as "numpy==2.2.6; python_version < '3.11'", with or without hashes: constraints.txt of a checkout, the requirements of
an installed version.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from bench.doctor.reading import entries, lines

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([^\s;\\]+)\s*(?:;\s*([^\\]*))?")
_PYTHON = re.compile(r"python_version\s*(<|<=|==|!=|>=|>)\s*['\"](\d+)\.(\d+)['\"]")
_OPENCV = frozenset(
    {"opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"}
)

Python = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFacts:
    """What is installed where this very program runs."""

    installed: dict[str, str]  # name -> version of the one that is imported
    pinned: dict[str, frozenset[str]]  # name -> versions that are right here
    opencv: tuple[str, ...]  # packages that all install the same module, cv2
    numpy: tuple[tuple[str, str], ...]  # (version, folder) of each, the imported one first


def read_packages(root: Path | None = None, path: Iterable[str] | None = None) -> PackageFacts:
    """Return what lies on Python's `path`; pins are those of the checkout or the version at `root`."""
    home = root or Path(__file__).parents[2]
    folders = list(sys.path if path is None else path)
    found = [(_name(each), each.version, each) for each in distributions(path=folders)]
    installed: dict[str, str] = {}
    for name, version, _ in found:  # in the order of the path: the first is imported
        installed.setdefault(name, version)
    files = [home / "constraints.txt", *entries(home / "provision", "requirements*.txt")]
    return PackageFacts(
        installed=installed,
        pinned=read_pins([line for file in files for line in lines(file, 1 << 22)], sys.version_info[:2]),
        opencv=tuple(sorted(_OPENCV & set(installed))),
        numpy=tuple(dict.fromkeys((version, _folder(each)) for name, version, each in found if name == "numpy")),
    )


def read_pins(told: Iterable[str], python: Python) -> dict[str, frozenset[str]]:
    """Return the versions that are pinned for a Python; a condition that is about anything else is taken to hold."""
    pins: dict[str, frozenset[str]] = {}
    for line in told:
        match = _PIN.match(line.strip())
        if match and holds(match.group(3) or "", python):
            name = plain(match.group(1))
            pins[name] = pins.get(name, frozenset[str]()) | {match.group(2)}
    return pins


def holds(condition: str, python: Python) -> bool:
    """Return whether what a marker says of Python's version is so."""
    for sign, major, minor in _PYTHON.findall(condition):
        if len(major) > 4 or len(minor) > 4:
            continue
        other = (int(major), int(minor))
        is_so = {
            "<": python < other, "<=": python <= other, "==": python == other, "!=": python != other,
            ">=": python >= other, ">": python > other,
        }  # fmt: skip
        if not is_so[sign]:
            return False
    return True


def plain(name: str) -> str:
    """Return a package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _name(distribution: Distribution) -> str:
    try:
        return plain(distribution.metadata["Name"] or "")
    except (KeyError, TypeError, OSError, ValueError):  # a folder that is left over, of a package that was removed
        return ""


def _folder(distribution: Distribution) -> str:
    return str(Path(str(distribution.locate_file("numpy"))).parent)
