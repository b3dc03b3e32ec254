"""The front door of calibration: what it offers, and what it refuses before it touches a motor."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from calibration.view import program as view
from forerun.calibrate import PROGRAMS, TOOLS, without_motors

ROOT = Path(__file__).parents[2]


def calibrate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "forerun", "calibrate", *arguments)
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL
    )


def test_help_names_every_program() -> None:
    done = calibrate("--help")
    assert done.returncode == 0
    for what, (_, purpose) in {**PROGRAMS, **TOOLS}.items():
        assert f"{what} " in done.stdout
        assert purpose in done.stdout


@pytest.mark.parametrize("what", [*PROGRAMS, *TOOLS])
def test_every_program_explains_itself(what: str) -> None:
    done = calibrate(what, "--help")
    assert done.returncode == 0, done.stderr
    assert f"usage: forerun calibrate {what}" in done.stdout
    assert len(done.stdout.splitlines()) > 8


def test_without_a_terminal_it_asks_for_a_yes_before_it_does_anything() -> None:
    done = calibrate("joints", "robots/so101.toml")
    assert done.returncode == 2
    assert "--yes" in done.stderr


def test_a_robot_file_that_cannot_be_is_named() -> None:
    done = calibrate("joints", "robots/nobody.toml", "--yes")
    assert done.returncode == 2
    assert "robots/nobody.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_arm_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    robot = tmp_path / "mine.toml"
    text = (ROOT / "robots" / "so101.toml").read_text()
    robot.write_text(text.replace("/dev/ttyACM0", str(tmp_path / "no-such-port")))
    done = calibrate("joints", str(robot), "--yes")
    assert done.returncode == 2
    assert "no-such-port" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "calibration").exists()


def test_looking_whether_the_camera_moved_needs_no_arm() -> None:
    for options, needed in ((["--check"], False), (["--watch"], False), ([], True)):
        parser = argparse.ArgumentParser()
        view.add_arguments(parser)
        assert without_motors("view", parser.parse_args(options)) != needed
