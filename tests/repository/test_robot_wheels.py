"""The robot's packages exist ready-made for a Jetson: aarch64, Python 3.10 (JetPack 6) and 3.12 (JetPack 7).

Asks the package registry, so it is not part of the usual run: `pytest -m slow tests/repository/test_robot_wheels.py`.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from interfaces.toml_loader import read_toml

# Ubuntu 22.04 (JetPack 6) has glibc 2.35: every wheel built for an older one runs there.
COMPILED_THERE = (
    "ruckig",
)  # its maker ships no wheel for aarch64: pip compiles it, which takes a C++ compiler and half a minute
PLATFORMS = ["manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, 36))]


def lines_for(python: str, lines: list[str]) -> list[str]:
    """Requirement lines that hold on a Jetson, without their markers: pip would judge those by this machine's Python."""
    there = {"python_version": python, "platform_machine": "aarch64", "extra": ""}
    requirements = [Requirement(line) for line in lines if line and line[0] != "#"]
    return [f"{r.name}{r.specifier}" for r in requirements if r.marker is None or r.marker.evaluate(there)]


@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.10", "3.12"])
def test_all_robot_packages_have_wheels_for_the_jetson(root: Path, tmp_path: Path, python: str) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("\n".join(lines_for(python, (root / "constraints.txt").read_text().splitlines())))
    extras = read_toml(root / "pyproject.toml")["project"]["optional-dependencies"]
    extra = [line for line in extras["robot"] + extras["calibrate"] if not line.startswith(COMPILED_THERE)]
    report = tmp_path / "report.json"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--dry-run",
        "--ignore-installed",
        "--only-binary=:all:",
    ]
    command += ["--target", str(tmp_path / "robot"), "--python-version", python, "--report", str(report)]
    command += [word for platform in PLATFORMS for word in ("--platform", platform)]
    subprocess.run([*command, "-c", str(constraints), *lines_for(python, extra)], check=True)
    chosen = {
        entry["metadata"]["name"]: entry["download_info"]["url"] for entry in json.loads(report.read_text())["install"]
    }
    assert {"numpy", "onnxruntime", "pyrealsense2", "pyserial", "scipy", "matplotlib"} <= chosen.keys()
    assert [url for url in chosen.values() if not url.endswith(("aarch64.whl", "-any.whl"))] == []
