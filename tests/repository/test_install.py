"""install.sh and the rooms it sets up: what can be seen without installing anything."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "onnx", "onnxruntime", "cv2", "mujoco", "pyrealsense2", "matplotlib"}


@pytest.mark.parametrize("arguments", [[], ["nonsense"]])
def test_without_a_known_command_it_explains_itself(root: Path, arguments: list[str]) -> None:
    done = subprocess.run(["bash", "install.sh", *arguments], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "./install.sh demo" in done.stderr
    assert "./install.sh test" in done.stderr


def test_help_is_an_answer_and_no_error(root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", root / "install.sh", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "./install.sh demo" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_ci_runs_what_a_developer_runs(root: Path) -> None:
    assert (root / ".ci/run").stat().st_mode & 0o111
    assert "./install.sh test" in (root / ".ci/run").read_text()


def test_the_front_door_opens_without_heavy_libraries(root: Path) -> None:
    program = "import sys, forerun.__main__; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())
