"""The front door: help at once, nothing heavy before it is needed, mistakes in one line and status 2."""

import subprocess
import sys
from pathlib import Path

import pytest

from forerun.__main__ import COMMANDS, main

ROBOT_FILE = Path(__file__).parents[2] / "robots/simulated.toml"


def run(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "forerun", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
    )


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == 0
    assert "usage" in capsys.readouterr().out


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dance"]) == 2
    assert "'dance'" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from forerun.__main__ import main; main(['--help']);"
        " print(sorted({'torch', 'mujoco', 'numpy', 'onnxruntime', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["world", "command", "policy"])
def test_a_wrong_robot_file_is_one_line_and_status_2(command: str, tmp_path: Path) -> None:
    robot = tmp_path / "robot.toml"
    robot.write_text(ROBOT_FILE.read_text(encoding="utf-8").replace("servo_id = 3", "servo_ids = 3"), encoding="utf-8")
    done = run(command, str(robot), folder=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    for part in (str(robot), "arm.joints[2].servo_ids", "3", "one of"):
        assert part in done.stderr


def test_a_robot_the_bundle_was_not_made_for_is_refused(tmp_path: Path) -> None:
    text = ROBOT_FILE.read_text(encoding="utf-8").replace('name = "front"', 'name = "wrist"')
    robot = tmp_path / "robot.toml"
    robot.write_text(text.replace("bundles/", f"{ROBOT_FILE.parent}/bundles/"), encoding="utf-8")
    done = run("policy", str(robot), folder=tmp_path)
    assert done.returncode == 2
    assert "sees through camera front" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
