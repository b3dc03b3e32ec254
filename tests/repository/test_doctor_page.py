"""docs/robot/doctor.md says what is so: every check of the doctor is in it, with the limit that it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.doctor.bundle_checks import bundle_checks
from bench.doctor.bundle_trial import BundleFacts, ShelfFacts
from bench.doctor.check import GROUPS, LOOP_GROUP, Check
from bench.doctor.groups import LOOKS
from bench.doctor.loop_checks import loop_checks
from bench.doctor.patient import Heard, Patient
from bench.doctor.process_checks import process_checks
from bench.doctor.rights import read_rights
from bench.doctor.rights_checks import rights_checks
from bench.jetson_rig import FILES, can_robot, patient, plant, programs, serial_robot
from runtime.bundles.standing import Stand, Standing
from tests.bench.doctor.test_loop_checks import ROBOT as LOOP_ROBOT
from tests.bench.doctor.test_loop_checks import WELL as LOOP
from tests.bench.doctor.test_robot_checks import WELL as REPORT

PAGE = (Path(__file__).parents[2] / "docs/robot/doctor.md").read_text(encoding="utf-8")
# Their limits are those of the machine that runs the test: its Python, and nothing of ours.
OF_THIS_MACHINE = {"NumPy"}


def seen(machine: Patient, group: str) -> list[Check]:
    return next(look for look in LOOKS if look.name == group).at(machine).checks


def all_of(group: str, root: Path) -> Iterator[Check]:
    """Return the checks that a group can have, on a machine that has all of it."""
    camera = "sys/bus/usb/devices/2-1"
    second = {name.replace("2-1", "2-2"): text for name, text in FILES.items() if name.startswith(camera)}
    machine = patient(plant(root, {**FILES, **second}), serial_robot(), programs())
    if group == LOOP_GROUP:
        yield from loop_checks(LOOP, LOOP_ROBOT, on_robot=True)
        yield from process_checks(LOOP, LOOP_ROBOT)
        return
    if group == "robot":
        machine = replace(machine, heard=Heard(report=REPORT))
    if group == "can":
        machine = patient(root, can_robot(), programs())
    yield from seen(machine, group)
    if group == "rights":
        facts = replace(read_rights(root), is_root=False)
        yield from rights_checks(facts, ["dialout", "video"], 60, installed=False)
    if group == "bundle":
        shelf = ShelfFacts(there=True, active="a", stand=Stand(Standing.PASSED))
        yield from bundle_checks(BundleFacts(), shelf, serial_robot().policy, jetson=True)
    if group == "machine":
        (root / "etc/forerun/robot.toml").unlink()
        yield from seen(replace(machine, root=root / "none"), group)


@pytest.mark.parametrize("group", [*GROUPS, LOOP_GROUP])
def test_every_check_is_in_it_with_its_limit(tmp_path: Path, group: str) -> None:
    _, found, section = PAGE.partition(f"\n### {group}: ")
    assert found
    rows = [row.split(" | ") for row in section.partition("\n##")[0].splitlines() if row.startswith("| ")]
    told = {row[0].removeprefix("| "): row[1] for row in rows}
    checks = {check.name.partition(":")[0]: check.limit for check in all_of(group, tmp_path)}
    assert len(checks) >= 3
    assert {name: limit for name, limit in checks.items() if name not in told} == {}
    assert {name: limit for name, limit in checks.items() if told[name] != limit and name not in OF_THIS_MACHINE} == {}
    remedies = {row[0] for row in rows if not row[2].removesuffix(" |").strip()}
    assert remedies == set()


def test_every_option_is_in_it() -> None:
    for option in ("--loop", "--on-robot", "--json", "--only", "--report", "--seconds"):
        assert option in PAGE
