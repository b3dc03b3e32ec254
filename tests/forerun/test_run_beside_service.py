"""`forerun run` of the robot that systemd runs already is refused; of any other it is not."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest

from forerun import run
from forerun.defaults import SIMULATED_ROBOT
from interfaces import installed
from interfaces.errors import RefusedError
from runtime.status import units
from runtime.status.units import UnitStatus


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> installed.Installation:
    here = installed.Installation(tmp_path)
    here.settings.mkdir(parents=True)
    shutil.copy(SIMULATED_ROBOT, here.robot_file)
    monkeypatch.setattr(installed, "Installation", lambda: here)
    return here


def told(monkeypatch: pytest.MonkeyPatch, active: str) -> None:
    unit = UnitStatus(name=installed.COMMAND_UNIT, active=active, sub="running", result="success", restarts=0, says="")
    monkeypatch.setattr(units, "read_units", lambda: (unit,))


@pytest.mark.parametrize("active", ["active", "activating", "deactivating"])
def test_the_robot_that_systemd_runs_is_refused(
    installation: installed.Installation, monkeypatch: pytest.MonkeyPatch, active: str
) -> None:
    told(monkeypatch, active)
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    with pytest.raises(RefusedError, match="systemd runs this robot already; `sudo forerun stop` ends that"):
        run.run(parser.parse_args([str(installation.robot_file)]))


@pytest.mark.parametrize(("active", "beside"), [("inactive", False), ("failed", False), ("active", True)])
def test_another_robot_or_a_stopped_one_is_not(
    installation: installed.Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, active: str, *, beside: bool
) -> None:
    told(monkeypatch, active)
    other = tmp_path / "other.toml"
    shutil.copy(SIMULATED_ROBOT, other)
    run.refuse_beside_service(other if beside else installation.robot_file)
