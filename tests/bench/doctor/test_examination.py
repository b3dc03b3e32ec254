"""The whole examination: one look that hangs, or breaks, keeps nobody else from being told; and it is really run here."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bench.doctor import examination
from bench.doctor.asking import ask_nobody
from bench.doctor.check import GROUPS, Check, Verdict
from bench.doctor.examination import Plan, examine_machine, find_patient, hear, nothing, run
from bench.doctor.groups import Look, Seen
from bench.doctor.patient import Patient
from bench.jetson_rig import ROBOTS, patient, plant, serial_robot
from interfaces.command_report import ReportEncoder
from interfaces.robot_config import load_robot
from tests.bench.doctor.test_robot_checks import WELL

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


def answering(folder: Path, answer: bytes | None) -> socket.socket:
    """Listen as a command process does, and answer the first question with some bytes; None: it hangs."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(folder / "operator.sock"))

    def reply() -> None:
        _, asker = listening.recvfrom(4096)
        if answer is not None:
            listening.sendto(answer, asker)

    threading.Thread(target=reply, daemon=True).start()
    return listening


def test_a_running_robot_is_heard_and_not_disturbed() -> None:
    robot = load_robot(SIMULATED)
    with tempfile.TemporaryDirectory() as name:  # short: a socket's path has 107 letters at most
        folder = Path(name)
        assert not hear(folder, robot).may_run
        with answering(folder, bytes(ReportEncoder().encode(WELL))):
            findings = examine_machine(Plan(robot_file=SIMULATED, folder=folder, only=("robot", "bundle")))
    by_name = {check.name: check for check in findings.checks}
    assert by_name["state of the robot"].value == "FOLLOWING: chunk 1"
    assert by_name["servo voltage"].figures["lowest_v"] == pytest.approx(7.2)
    assert "foresight time" not in by_name  # inference would take time from the robot's own


@pytest.mark.parametrize("answer", [None, b"garbage"])
def test_a_command_process_that_does_not_answer_is_bad(answer: bytes | None) -> None:
    with tempfile.TemporaryDirectory() as name, answering(Path(name), answer):
        findings = examine_machine(Plan(robot_file=SIMULATED, folder=Path(name), only=("robot", "clock")))
    (check,) = [check for check in findings.checks if check.name == "state of the robot"]
    assert (check.verdict, "forerun start" in check.remedy) == (Verdict.BAD, True)


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is closed to root")
def test_a_robot_that_is_not_for_this_user_may_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o000)
    heard = hear(tmp_path, load_robot(SIMULATED))
    tmp_path.chmod(0o700)
    assert heard.may_run
    assert "usermod -aG forerun" in heard.remedy


def test_another_machines_programs_are_not_asked(tmp_path: Path) -> None:
    other = find_patient(Plan(robot_file=SIMULATED, root=plant(tmp_path)))
    assert other.ask is ask_nobody
    assert not other.heard.may_run
    assert other.is_jetson
