"""The whole examination: one look that hangs, or breaks, keeps nobody else from being told; and it is really run here."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bench.doctor import examination
from bench.doctor.asking import ask_nobody
from bench.doctor.check import GROUPS, Check, Verdict
from bench.doctor.examination import Plan, examine_machine, find_patient, nothing, run
from bench.doctor.groups import Look, Seen
from bench.doctor.patient import Patient
from bench.jetson_rig import ROBOTS, patient, plant, serial_robot

SIMULATED = ROBOTS / "simulated.toml"
FINE = Check(name="fine", value="1", limit="1", verdict=Verdict.GOOD)


def look(name: str) -> Look:
    return Look(name, name, lambda _patient: Seen([FINE], "a thing left out"))


def test_what_hangs_is_said_and_the_others_are_told(tmp_path: Path) -> None:
    released = threading.Event()

    def hang(_patient: Patient) -> Seen:
        released.wait(60.0)
        return Seen([])

    waited: list[Sequence[str]] = []
    machine = patient(plant(tmp_path), serial_robot(), {})
    try:
        late, fine = run(
            [Look("late", "late", hang), look("fine")], machine, 0.5, lambda _waited_s, names: waited.append(names)
        )
    finally:
        released.set()
    assert fine.checks == (FINE,)
    assert fine.left_out == "a thing left out"
    assert late.checks[0].verdict is Verdict.UNKNOWN
    assert "forerun doctor --only late" in late.checks[0].value
    assert ["late"] in [list(names) for names in waited]


def test_what_breaks_is_ours_to_mend_and_the_others_are_told(tmp_path: Path) -> None:
    def break_down(_patient: Patient) -> Seen:
        raise ZeroDivisionError("a mistake of ours")

    machine = patient(plant(tmp_path), serial_robot(), {})
    broken, fine = run([Look("broken", "broken", break_down), look("fine")], machine, 20.0, nothing)
    assert (broken.checks[0].verdict, broken.checks[0].value) == (Verdict.WEAK, "ZeroDivisionError: a mistake of ours")
    assert "--report" in broken.checks[0].remedy
    assert fine.checks == (FINE,)


def test_this_very_machine_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "TIMEOUT_S", 60.0)  # a busy test machine is not what is tested
    findings = examine_machine(Plan(robot_file=SIMULATED))
    assert tuple(group.name for group in findings.groups) == GROUPS
    broken = [check for check in findings.checks if "ours to mend" in check.remedy and "look" in check.limit]
    assert broken == []
    by_name = {check.name: check for check in findings.checks}
    assert by_name["robot file"].verdict is Verdict.GOOD
    assert by_name["bundle"].verdict is Verdict.GOOD, by_name["bundle"].value
    assert by_name["foresight time"].figures["p50_ms"] > 0
    assert by_name["date"].verdict is Verdict.GOOD


def test_only_a_group(tmp_path: Path) -> None:
    findings = examine_machine(Plan(robot_file=SIMULATED, only=("clock", "power"), root=plant(tmp_path)))
    assert [group.name for group in findings.groups] == ["power", "clock"]


def test_a_date_before_this_version_is_bad() -> None:
    past = datetime(1970, 1, 1, tzinfo=timezone.utc)
    (group,) = examine_machine(Plan(robot_file=SIMULATED, only=("clock",), now=past)).groups
    assert group.checks[0].verdict is Verdict.BAD


def test_a_robot_file_that_does_not_load_is_a_finding(tmp_path: Path) -> None:
    robot = tmp_path / "robot.toml"
    robot.write_bytes(b"\xff\xfe = 1")
    findings = examine_machine(Plan(robot_file=robot, only=("robot", "bundle")))
    assert findings.checks[0].verdict is Verdict.BAD
    assert str(robot) in findings.title
    assert findings.groups[1].left_out


def test_another_machines_programs_are_not_asked(tmp_path: Path) -> None:
    other = find_patient(Plan(robot_file=SIMULATED, root=plant(tmp_path)))
    assert other.ask is ask_nobody
    assert other.report is None
    assert other.is_jetson
