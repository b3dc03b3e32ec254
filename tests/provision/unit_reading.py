"""Reading unit files, drop-ins and udev rules, for the tests of this folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_RULE_ITEM = re.compile(r'([A-Z_]+)(?:\{([^}]*)\})?(==|!=|\+=|:=|-=|=)"([^"]*)"')


def unit_files(folder: Path) -> list[Path]:
    """Return the unit files in `folder`."""
    return sorted(path for path in folder.iterdir() if path.suffix in {".service", ".socket", ".target"})


def directives(text: str) -> Iterator[tuple[str, str, str]]:
    """Return section, key and value of each line of a unit file or drop-in."""
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith(("#", ";")):
            key, equals, value = line.partition("=")
            assert equals, f"no key and value: {line}"
            yield section, key, value


def values(text: str, key: str) -> list[str]:
    """Return what counts of `key` in a drop-in or unit: its values since it was last made empty."""
    said: list[str] = []
    for _, name, value in directives(text):
        if name == key:
            said = [*said, value] if value else []
    return said


def rules(text: str) -> Iterator[list[tuple[str, str, str, str]]]:
    """Return key, attribute, operator and value of each item of each udev rule; a line that is none fails the test."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            items = [item.strip() for item in re.split(r",\s*(?=[A-Z_]+[{=!+:-])", line)]
            found = [_RULE_ITEM.fullmatch(item) for item in items]
            assert all(found), f"no udev rule: {line}"
            yield [(each[1], each[2] or "", each[3], each[4]) for each in found if each]
