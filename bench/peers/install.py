"""Installs the contestants, from the package index, into environments of their own below `.peers/`.

LeRobot brings the torch that its own requirements name: on a machine for x86 that is the one for NVIDIA GPUs, 8 GB in all.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENTS = REPOSITORY / ".peers"
REQUIREMENTS = {
    "forerun": [f"{REPOSITORY}[robot]", "-c", str(REPOSITORY / "constraints.txt")],
    "lerobot": ["lerobot[async,feetech]==0.4.4"],
    "physicalai": ["physicalai[so101]==0.3.0"],
}


def python_of(stack: str) -> Path:
    """Return the Python of a stack's environment."""
    return ENVIRONMENTS / stack / "bin" / "python"


def installed(stack: str) -> bool:
    """Return whether a stack was installed to the end."""
    return (ENVIRONMENTS / stack / "complete").exists()


def install(stacks: list[str]) -> None:
    """Install what is not installed yet; raises CalledProcessError where pip fails, which says why itself."""
    for stack in stacks:
        if installed(stack):
            continue
        sys.stdout.write(f"installing {stack} into {ENVIRONMENTS / stack}\n")
        sys.stdout.flush()
        venv.create(ENVIRONMENTS / stack, with_pip=True, clear=True)
        pip = [str(python_of(stack)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *REQUIREMENTS[stack]], check=True)
        (ENVIRONMENTS / stack / "complete").touch()


def version(stack: str) -> str:
    """Return the version of a stack."""
    code = f"import importlib.metadata as m; print(m.version({stack!r}))"
    done = subprocess.run([str(python_of(stack)), "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()
