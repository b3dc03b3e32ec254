"""Nothing in the repository belongs to one machine, and everything it needs is pinned."""

import re
from pathlib import Path

from packaging.requirements import Requirement

from interfaces.toml_loader import read_toml

HOME = re.compile(r"(?<![\w.$}~])/(root|home|work|Users)/")
REGISTRY = re.compile(r"pypi\.org|pythonhosted\.org|index[-_]url|deb\.debian\.org|https?://\S*/simple\b")


def test_no_file_names_a_machine_path_or_a_registry_host(root: Path, files: list[Path]) -> None:
    found: list[str] = []
    for path in files:
        content = (root / path).read_bytes()
        if b"\0" in content:  # a graph, an archive, a picture
            continue
        for number, line in enumerate(content.decode().splitlines(), 1):
            if HOME.search(line) or REGISTRY.search(line):
                found.append(f"{path}:{number}: {line.strip()[:100]}")
    assert found == []


def test_every_direct_dependency_is_pinned_to_one_version_per_python(root: Path) -> None:
    pins = [Requirement(line) for line in (root / "constraints.txt").read_text().splitlines() if line[0] != "#"]
    extras = read_toml(root / "pyproject.toml")["project"]["optional-dependencies"]
    wanted = [Requirement(line) for extra in extras.values() for line in extra if not line.startswith("forerun")]
    assert wanted
    for python in ("3.10", "3.11", "3.12", "3.13"):
        there = {"python_version": python}
        for requirement in wanted:
            if requirement.marker and not requirement.marker.evaluate(there):
                continue
            fitting = [
                next(iter(pin.specifier)).version
                for pin in pins
                if pin.name.lower() == requirement.name.lower() and (not pin.marker or pin.marker.evaluate(there))
            ]
            assert len(fitting) == 1, f"{requirement.name} on Python {python}"
            assert requirement.specifier.contains(fitting[0]), f"{requirement} on Python {python}"
