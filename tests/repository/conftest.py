"""The repository as these tests see it: what git tracks or would track."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """Top folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file of the repository relative to its top, new ones included, ignored ones not."""
    # A container may run the tests as another user than the one who made the checkout: git is told that this is fine.
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [Path(name) for name in listed if (ROOT / name).is_file()]


@pytest.fixture(scope="session")
def python_files(files: list[Path]) -> list[Path]:
    """The Python files among them."""
    return [path for path in files if path.suffix == ".py"]


@pytest.fixture(scope="session")
def rooms(python_files: list[Path]) -> set[str]:
    """The top-level folders that hold code; those of docs are examples, each a file by itself."""
    return {path.parts[0] for path in python_files if len(path.parts) > 1} - {"tests", "docs"}
