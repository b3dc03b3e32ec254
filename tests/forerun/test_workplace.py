"""Which programs may move an arm whose zeros are not known, and which arm they open."""

from __future__ import annotations

import argparse
import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record_rig import RecordRig
from forerun.calibrate import PROGRAMS
from forerun.workplace import MOVING, READING, WITHOUT_RECORDS, workplace_for
from interfaces.calibration.homes import homes
from interfaces.errors import CalibrationError, RefusedError
from runtime.known_arm import KnownArm


@pytest.fixture
def rig(tmp_path: Path) -> RecordRig:
    """A robot that requires its joints record, of whatever age; it has none yet."""
    return RecordRig(tmp_path, max_age_days=36500.0)


def options(rig: RecordRig) -> argparse.Namespace:
    return argparse.Namespace(robot=rig.robot_file, yes=True, operator="Ann", pictures=None)


def test_what_moves_is_a_program_that_asks_for_it() -> None:
    modules = {what: importlib.import_module(module) for what, (module, _) in PROGRAMS.items()}
    assert {what for what, module in modules.items() if "arm-moves" in (module.__doc__ or "")} - {"joints"} == MOVING


@pytest.mark.parametrize("what", list(PROGRAMS))
def test_an_arm_whose_zeros_are_not_known_is_not_moved(rig: RecordRig, what: str) -> None:
    if what in MOVING:
        with pytest.raises(CalibrationError, match="forerun calibrate joints"):
            workplace_for(what, options(rig))
    else:
        assert workplace_for(what, options(rig)).robot == rig.robot


@pytest.mark.parametrize("what", list(PROGRAMS))
def test_only_a_new_calibration_of_its_joints_opens_another_arm(rig: RecordRig, what: str) -> None:
    rig.save(rig.joints())
    workplace = workplace_for(what, options(rig))
    assert homes(workplace.robot.arm) == (2058.0,) * 6
    arm = workplace.make_arm(workplace.robot.arm)
    assert isinstance(arm, KnownArm) == (what != "joints")


@pytest.mark.parametrize("what", list(PROGRAMS))
def test_a_folder_that_cannot_be_written_is_said_before_the_work(rig: RecordRig, what: str) -> None:
    made = RecordRig(rig.robot_file.parent, require=())
    made.folder.parent.write_text("a file, no folder")
    if what in READING:
        workplace_for(what, options(made))
    else:
        with pytest.raises(RefusedError, match="records: no records can be written there"):
            workplace_for(what, options(made))


def test_a_robot_that_requires_no_zeros_is_moved_by_those_of_its_file(rig: RecordRig) -> None:
    rig.write(replace(rig.robot, calibration=RecordRig(rig.robot_file.parent, require=()).robot.calibration))
    assert homes(workplace_for("servo", options(rig)).robot.arm) == homes(rig.robot.arm)


@pytest.mark.parametrize("what", list(PROGRAMS))
def test_a_robot_without_a_place_for_records_is_refused_before_the_work(rig: RecordRig, what: str) -> None:
    rig.write(replace(rig.robot, calibration=None))
    if what in WITHOUT_RECORDS:
        assert workplace_for(what, options(rig)).robot == replace(rig.robot, calibration=None)
    else:
        with pytest.raises(RefusedError, match=r"no table \[calibration\]"):
            workplace_for(what, options(rig))
