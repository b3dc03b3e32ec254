"""The table of a robot's records, for people and for programs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench.record_rig import BAD, RecordRig
from calibration.records import status
from calibration.session.workplace import Workplace
from interfaces.errors import RefusedError

AtWork = Callable[[RecordRig], Workplace]


def run(workplace: Workplace, rig: RecordRig, *options: str) -> int:
    parser = argparse.ArgumentParser()
    status.add_arguments(parser)
    arguments = parser.parse_args(options)
    arguments.robot = rig.robot_file
    return status.run(workplace, arguments)


def as_json(capsys: pytest.CaptureFixture[str], workplace: Workplace, rig: RecordRig) -> tuple[int, dict[str, Any]]:
    code = run(workplace, rig, "--json")
    return code, {row["kind"]: row for row in json.loads(capsys.readouterr().out)}


def test_a_new_robot_is_told_what_it_needs_and_what_it_may_have(rig: RecordRig, at_work: AtWork, listener: Any) -> None:
    assert run(at_work(rig), rig) == 1
    said = " ".join(listener.said.split())
    assert f"joints.toml: the record is missing forerun calibrate joints {rig.robot_file} the robot does not" in said
    assert f"forerun calibrate hand-eye {rig.robot_file} --camera front" in said
    assert "the robot does not move before that is mended may be made, and is not required:" in said
    assert listener.said.count("│ not required") == 5


def test_a_robot_with_all_it_requires_may_move(rig: RecordRig, at_work: AtWork, listener: Any) -> None:
    rig.save(*rig.all_records())
    assert run(at_work(rig), rig) == 0
    assert "the robot may move" in listener.said
    assert "worst joint 0.2 of 1 deg" in listener.said
    assert "Ann" in listener.said


@pytest.mark.parametrize("kind", ["joints", "camera"])
def test_what_failed_or_is_damaged_is_said_and_counts_where_it_matters(
    rig: RecordRig, at_work: AtWork, listener: Any, kind: str
) -> None:
    rig.save(rig.joints())
    if kind == "joints":
        rig.store.path("joints").write_text("damaged")
    else:
        rig.save(replace(rig.camera(), header=rig.header("front", check=BAD)))
    assert run(at_work(rig), rig) == (1 if kind == "joints" else 0)
    state = "damaged" if kind == "joints" else "failed, not used"
    assert state in listener.said


def test_programs_get_the_same(rig: RecordRig, at_work: AtWork, capsys: pytest.CaptureFixture[str]) -> None:
    hopeless = replace(BAD, value=float("inf"))
    rig.save(rig.joints(), replace(rig.servo(), header=rig.header(check=hopeless)))
    code, rows = as_json(capsys, at_work(rig), rig)
    assert code == 0
    assert rows["joints"]["state"] == "good"
    assert rows["joints"]["required"] is True
    assert rows["joints"]["age_days"] > 0
    assert rows["joints"]["checks"] == [
        {"name": "worst joint", "value": 0.2, "limit": 1.0, "unit": "deg", "passed": True}
    ]
    assert rows["servo"]["state"] == "failed"
    assert rows["servo"]["checks"][0]["value"] is None
    assert rows["view"]["state"] == "missing"
    assert rows["view"]["command"] == f"forerun calibrate view {rig.robot_file} --camera front"


def test_an_old_record_is_expired(rig: RecordRig, at_work: AtWork, capsys: pytest.CaptureFixture[str]) -> None:
    rig.save(replace(rig.joints(), header=rig.header(created="1901-01-01T00:00:00Z")))
    code, rows = as_json(capsys, at_work(rig), rig)
    assert (code, rows["joints"]["state"]) == (1, "expired")


def test_a_record_of_a_camera_that_is_gone_is_named(rig: RecordRig, at_work: AtWork, listener: Any) -> None:
    rig.save(rig.joints(), replace(rig.camera(), header=rig.header("old")))
    assert run(at_work(rig), rig) == 0
    assert "of no use to this robot file: camera-old.toml" in listener.said


def test_a_hand_eye_older_than_the_joints_is_to_be_checked(rig: RecordRig, at_work: AtWork, listener: Any) -> None:
    rig.save(rig.joints(), replace(rig.hand_eye(), header=rig.header("front", created="2026-11-19T10:00:00Z")))
    assert run(at_work(rig), rig) == 0
    assert "made before the joints were calibrated anew" in " ".join(listener.said.split())


def test_names_with_brackets_are_no_markup(rig: RecordRig, at_work: AtWork, listener: Any) -> None:
    rig.save(replace(rig.joints(), header=replace(rig.header(), operator="[/red]Ann[bold]")))
    run(at_work(rig), rig)
    assert "[/red]Ann[bold]" in listener.said


def test_a_robot_without_the_table_has_no_records_to_show(rig: RecordRig, at_work: AtWork) -> None:
    rig.write(replace(rig.robot, calibration=None))
    with pytest.raises(RefusedError, match=r"no table \[calibration\]"):
        run(at_work(rig), rig)
