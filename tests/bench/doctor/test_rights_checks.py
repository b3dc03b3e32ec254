"""Groups and limits become verdicts; where units give what is needed, a person's shell needs none of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.doctor.check import Check, Verdict
from bench.doctor.rights import RightsFacts, read_rights
from bench.doctor.rights_checks import needed_groups, rights_checks
from bench.jetson_rig import plant, serial_robot

FIT = RightsFacts(
    user="ann",
    is_root=False,
    user_groups=frozenset({"dialout", "video", "forerun"}),
    service_groups=frozenset({"dialout", "video"}),
    known_groups=frozenset({"dialout", "video", "forerun"}),
    realtime_priority=95.0,
    locked_memory_bytes=float("inf"),
    nice=40.0,
    rt_group_sched=False,
)


def checks(facts: RightsFacts, *, installed: bool = False) -> dict[str, Check]:
    found = rights_checks(facts, ["dialout", "video", "plugdev"], 60, installed=installed)
    return {check.name: check for check in found}


@pytest.mark.parametrize("installed", [True, False])
def test_who_may_all_is_good_all_over(*, installed: bool) -> None:
    assert {check.verdict for check in checks(FIT, installed=installed).values()} == {Verdict.GOOD}


@pytest.mark.parametrize(
    ("change", "name", "remedy"),
    [
        ({"user_groups": frozenset({"video"})}, "groups of this user", "sudo usermod -aG dialout ann"),
        ({"realtime_priority": 0.0}, "limit of real-time priority", "ann - rtprio 60"),
        ({"locked_memory_bytes": 8e6}, "limit of locked memory", "ann - memlock unlimited"),
        ({"realtime_priority": 0.0, "nice": 0.0}, "limit of nice", "ann - nice -20"),
        ({"rt_group_sched": True}, "real time a control group", "rt_group_sched=0"),
    ],
)
def test_what_is_lacking_is_weak_with_the_line_that_gives_it(change: dict[str, object], name: str, remedy: str) -> None:
    check = checks(replace(FIT, **change))[name]
    assert check.verdict is Verdict.WEAK
    assert remedy in check.remedy


def test_a_service_that_may_not_open_its_devices_is_bad() -> None:
    check = checks(replace(FIT, service_groups=frozenset()), installed=True)["groups of the service"]
    assert check.verdict is Verdict.BAD
    assert "dialout,video forerun" in check.remedy


def test_root_needs_no_limits() -> None:
    poor = replace(FIT, is_root=True, realtime_priority=0.0, locked_memory_bytes=0.0, nice=0.0)
    assert {check.verdict for check in checks(poor).values()} == {Verdict.GOOD}


def test_groups_that_a_unit_gives_count(tmp_path: Path) -> None:
    unit = "[Service]\nSupplementaryGroups=dialout gpio\n"
    files = {"etc/passwd": "forerun:x:998:998::/:/x\n", "etc/group": "forerun:x:998:\ndialout:x:20:\n"}
    files |= {
        "etc/systemd/system/forerun-command.service": unit,
        "etc/systemd/system/forerun-policy.service.d/a.conf": "SupplementaryGroups=video\n",
    }
    facts = read_rights(plant(tmp_path, files, {}))
    assert facts.service_groups == {"forerun", "dialout", "gpio", "video"}


def test_what_a_robot_needs() -> None:
    robot = serial_robot()
    assert needed_groups(robot, serial=True, jetson=True) == ["dialout", "video", "plugdev", "render"]
    simulated = replace(robot, cameras=(replace(robot.cameras[0], driver="simulated"),))
    stop = replace(simulated, runtime=replace(simulated.runtime, estop_gpio="/dev/gpiochip0:1"))
    assert needed_groups(stop, serial=False, jetson=False) == ["gpio"]
