"""Which robot is meant where nobody says it, and that it can be stopped whatever became of its file."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from forerun.defaults import meant_robot, operator_socket
from interfaces.errors import ConfigError, RefusedError
from interfaces.installed import OPERATOR_SOCKET, Installation
from interfaces.robot_config import load_robot

ROBOTS = Path(__file__).parents[2] / "robots"
ROBOT_FILE = ROBOTS / "simulated.toml"


@pytest.fixture
def there(tmp_path: Path) -> Generator[Installation]:
    """An installed robot whose command process listens."""
    installation = Installation(tmp_path)
    installation.settings.mkdir(parents=True)
    installation.run.mkdir(parents=True)
    installation.robot_file.write_text(ROBOT_FILE.read_text())
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(str(installation.run / OPERATOR_SOCKET))
        yield installation


def meant(robot: Path | None = None, folder: Path | None = None) -> argparse.Namespace:
    return argparse.Namespace(robot=robot, folder=folder)


@pytest.mark.parametrize("text", ["", "not TOML", None], ids=["empty", "spoiled", "removed"])
def test_a_running_robot_is_reached_whatever_became_of_its_file(there: Installation, text: str | None) -> None:
    usual = operator_socket(meant(), there)
    assert usual == there.run / OPERATOR_SOCKET
    there.robot_file.unlink()
    if text is not None:
        there.robot_file.write_text(text)
    assert operator_socket(meant(), there) == usual
    assert operator_socket(meant(there.robot_file), there) == usual


def test_a_file_of_another_robot_is_never_taken_for_the_installed_one(there: Installation, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("not TOML")
    with pytest.raises(ConfigError, match=r"other\.toml: "):
        operator_socket(meant(other), there)
    there.robot_file.write_text("not TOML")
    with pytest.raises(ConfigError):
        operator_socket(meant(None, tmp_path), there)


def test_where_nobody_listens_the_file_is_told(there: Installation) -> None:
    (there.run / OPERATOR_SOCKET).unlink()
    there.robot_file.write_text("not TOML")
    with pytest.raises(ConfigError, match=r"robot\.toml: "):
        operator_socket(meant(), there)


@pytest.mark.parametrize("robot", ["simulated.toml", "so101.toml", "yam.toml", "koch.toml"])
def test_robots_that_come_along_listen_at_the_usual_name(robot: str) -> None:
    assert load_robot(ROBOTS / robot).runtime.operator_socket == OPERATOR_SOCKET


def test_installed_without_a_robot_file_says_what_comes_next(tmp_path: Path) -> None:
    there = Installation(tmp_path)
    with pytest.raises(RefusedError, match="which robot"):
        meant_robot(None, None, there)
    there.current.mkdir(parents=True)
    with pytest.raises(RefusedError, match=r"not there yet: `sudo forerun devices"):
        meant_robot(None, None, there)
