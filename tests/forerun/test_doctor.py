"""`forerun doctor` as a person calls it: a table, a verdict, an exit status that agrees with it, and the same for programs."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from bench.doctor import examination
from bench.jetson_rig import FILES, plant, serial_robot
from forerun.__main__ import main
from interfaces.toml_writer import to_toml

ROBOT_FILE = Path(__file__).parents[2] / "robots" / "simulated.toml"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy test machine is not what is tested."""
    monkeypatch.setattr(examination, "TIMEOUT_S", 60.0)


@pytest.mark.parametrize(
    ("options", "name"),
    [([], "clock source"), (["--loop", "--seconds", "1", "--only", "loop"], "period error")],
    ids=["machine", "loop"],
)
def test_the_exit_status_agrees_with_the_verdict(
    options: list[str], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "findings.json"
    status = main(["doctor", str(ROBOT_FILE), *options, "--json", str(path)])
    printed = capsys.readouterr().out.splitlines()
    findings = json.loads(path.read_text())
    assert status == (1 if findings["verdict"] == "bad" else 0)
    assert any(name in line for line in printed)
    assert printed[0] == findings["title"]
    assert printed[-1].startswith("verdict: not fit" if status else "verdict: fit")
    assert printed[-1] == findings["conclusion"]


def test_a_wrong_robot_file_is_status_2_where_it_is_to_be_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    robot = tmp_path / "robot.toml"
    robot.write_text(ROBOT_FILE.read_text().replace("rate_hz = 100.0", "rate_hz = 0"))
    assert main(["doctor", str(robot), "--loop"]) == 2
    assert "arm.rate_hz" in capsys.readouterr().err
    assert main(["doctor", str(robot), "--only", "robot"]) == 1
    assert "arm.rate_hz" in capsys.readouterr().out.splitlines()[-1]  # the conclusion names what is wrong


def test_programs_may_read_it_from_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["doctor", str(ROBOT_FILE), "--only", "clock", "--json", "-"])
    findings = json.loads(capsys.readouterr().out)
    assert {check["group"] for check in findings["checks"]} == {"clock"}
    assert status == (1 if findings["verdict"] == "bad" else 0)


def test_the_installed_robot_is_the_one_that_is_meant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tmp_path)
    options = ["--root", str(tmp_path), "--only", "robot", "--only", "power", "--json", "-"]
    main(["doctor", *options])
    assert "this machine, for simulated" in json.loads(capsys.readouterr().out)["title"]
    (tmp_path / "etc/forerun").mkdir(parents=True)
    (tmp_path / "etc/forerun/robot.toml").write_text(to_toml(serial_robot()))
    assert main(["doctor", *options]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert "this machine, for so101" in findings["title"]
    assert {check["value"] for check in findings["checks"] if check["name"] == "power mode"} == {"MAXN"}
    (tmp_path / "sys/class/hwmon/hwmon1/oc1_event_cnt").write_text("99")
    assert main(["doctor", *options]) == 1
    assert "BAD: over-current events (oc1 99)" in json.loads(capsys.readouterr().out)["conclusion"]
    assert FILES["sys/class/hwmon/hwmon1/oc1_event_cnt"] == "0\n"


def test_a_report_for_those_who_help(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "help.tar.gz"
    main(["doctor", str(ROBOT_FILE), "--only", "clock", "--report", str(path)])
    said = capsys.readouterr().err
    assert said.index("doctor.json") < said.index("written:")  # what is inside is told first
    with tarfile.open(path) as archive:
        names = archive.getnames()
        findings = archive.extractfile("help/doctor.json")
        assert findings is not None
        assert json.loads(findings.read())["checks"]
    assert {"help/doctor.txt", "help/robot.toml", "help/versions.txt", "help/journal.txt"} <= set(names)


def test_a_group_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--only", "everything"])
    assert "invalid choice" in capsys.readouterr().err
