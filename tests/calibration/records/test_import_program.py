"""Records carried from one computer to another: all of them or none, of this robot or none."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.record_rig import BAD, NOW, RecordRig
from calibration.records import export_program, import_program
from calibration.session.workplace import Workplace
from interfaces.errors import RefusedError
from runtime.calibrated_robot import load_calibrated

AtWork = Callable[[RecordRig], Workplace]
Program = Any


@pytest.fixture
def there(tmp_path: Path) -> RecordRig:
    """The same robot on another computer."""
    (tmp_path / "there").mkdir()
    return RecordRig(tmp_path / "there", max_age_days=36500.0)


@pytest.fixture
def carried(rig: RecordRig, at_work: AtWork, tmp_path: Path) -> Path:
    """Every record of the robot, in one file."""
    rig.save(*rig.all_records())
    file = tmp_path / "carried.zip"
    assert run(export_program, at_work(rig), rig, str(file)) == 0
    return file


def run(program: Program, workplace: Workplace, rig: RecordRig, *options: str) -> int:
    parser = argparse.ArgumentParser()
    program.add_arguments(parser)
    arguments = parser.parse_args(options)
    arguments.robot = rig.robot_file
    return program.run(workplace, arguments)


def refusal(program: Program, workplace: Workplace, rig: RecordRig, *options: str) -> str:
    with pytest.raises(RefusedError) as caught:
        run(program, workplace, rig, *options)
    return str(caught.value)


def named(rig: RecordRig, name: str) -> RecordRig:
    rig.write(replace(rig.robot, name=name))
    return rig


def test_a_robot_is_the_same_on_the_other_computer(
    rig: RecordRig, there: RecordRig, carried: Path, at_work: AtWork, listener: Any
) -> None:
    assert run(import_program, at_work(there), there, str(carried)) == 0
    ours, theirs = (load_calibrated(each.robot_file, now=NOW) for each in (rig, there))
    assert theirs.robot == ours.robot
    assert theirs.records == ours.records
    assert len(theirs.records) == 6
    assert "joints, latency front, servo, view front" in " ".join(listener.said.split())


def test_what_was_there_goes_to_the_history(there: RecordRig, carried: Path, at_work: AtWork) -> None:
    there.save(there.joints(shift=-5.0))
    run(import_program, at_work(there), there, str(carried))
    assert there.store.current("joints") == there.joints()
    assert "home = 2043.0" in there.store.history("joints")[0].read_text()


def test_imported_twice_it_changes_nothing(there: RecordRig, carried: Path, at_work: AtWork, listener: Any) -> None:
    run(import_program, at_work(there), there, str(carried))
    run(import_program, at_work(there), there, str(carried))
    assert there.store.history("joints") == []
    assert "nothing that is not there already" in " ".join(listener.said.split())


def test_another_robots_records_are_refused(there: RecordRig, carried: Path, at_work: AtWork) -> None:
    said = refusal(import_program, at_work(named(there, "yours")), there, str(carried))
    assert "is of robot 'simulated', this is 'yours'" in said
    assert "--of simulated" in said
    assert refusal(import_program, at_work(there), there, str(carried), "--of", "mine")
    assert not there.folder.exists()


def test_a_robot_that_was_renamed_keeps_its_records(there: RecordRig, carried: Path, at_work: AtWork) -> None:
    assert run(import_program, at_work(named(there, "new")), there, str(carried), "--of", "simulated") == 0
    record = load_calibrated(there.robot_file, now=NOW).records["joints", ""]
    assert record.header.robot == "new"
    assert record.header.note == "(of robot simulated, imported)"


def test_a_record_that_does_not_fit_refuses_all(there: RecordRig, carried: Path, at_work: AtWork) -> None:
    first, *others = there.robot.arm.joints
    turned = replace(there.robot.arm, joints=(replace(first, direction=-1), *others))
    there.write(replace(there.robot, arm=turned))
    said = refusal(import_program, at_work(there), there, str(carried))
    assert "joints: joint shoulder_pan turns in direction 1, the robot file says -1" in said
    assert not there.folder.exists()


def test_a_camera_the_robot_does_not_have_refuses_all(there: RecordRig, carried: Path, at_work: AtWork) -> None:
    there.write(replace(there.robot, cameras=(replace(there.robot.cameras[0], name="side"),)))
    assert "the robot file has no such camera" in refusal(import_program, at_work(there), there, str(carried))
    assert not there.folder.exists()


def test_an_older_record_replaces_a_newer_one_only_when_told_to(
    there: RecordRig, carried: Path, at_work: AtWork
) -> None:
    newer = replace(there.joints(7.0), header=there.header(created="2026-11-20T10:00:01Z"))
    there.save(newer)
    assert "--older" in refusal(import_program, at_work(there), there, str(carried))
    assert there.store.current("joints") == newer
    assert there.store.current("servo") is None
    run(import_program, at_work(there), there, str(carried), "--older")
    assert there.store.current("joints") == there.joints()


def test_a_damaged_file_changes_nothing(there: RecordRig, carried: Path, at_work: AtWork) -> None:
    carried.write_bytes(carried.read_bytes()[:-30])
    assert "damaged" in refusal(import_program, at_work(there), there, str(carried))
    assert "cannot be read" in refusal(import_program, at_work(there), there, str(carried.with_name("none.zip")))
    assert not there.folder.exists()


def test_an_export_writes_over_nothing_unasked(rig: RecordRig, carried: Path, at_work: AtWork) -> None:
    before = carried.read_bytes()
    assert "--force" in refusal(export_program, at_work(rig), rig, str(carried))
    assert run(export_program, at_work(rig), rig, str(carried), "--force") == 0
    assert carried.read_bytes() == before


def test_what_cannot_be_exported_is_said(rig: RecordRig, at_work: AtWork, tmp_path: Path) -> None:
    file = str(tmp_path / "x.zip")
    assert "no record yet" in refusal(export_program, at_work(rig), rig, file)
    rig.save(rig.joints())
    assert "cannot be written" in refusal(export_program, at_work(rig), rig, str(tmp_path / "none" / "x.zip"))
    rig.store.path("joints").write_text("damaged")
    assert "joints.toml: the [seal]" in refusal(export_program, at_work(rig), rig, file)


def test_a_failed_record_is_carried_as_one_that_failed(
    rig: RecordRig, there: RecordRig, at_work: AtWork, tmp_path: Path
) -> None:
    failed = replace(rig.joints(), header=rig.header(check=BAD))
    rig.save(failed)
    run(export_program, at_work(rig), rig, str(tmp_path / "x.zip"))
    run(import_program, at_work(there), there, str(tmp_path / "x.zip"))
    assert there.store.current("joints") == failed
