"""Room and kind of the disks become verdicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.doctor.check import Check, Verdict
from bench.doctor.disk import DiskFacts, Place, disk_kind, read_disk
from bench.doctor.disk_checks import disk_checks
from bench.jetson_rig import plant, serial_robot

PLACE = Place(
    path=Path("/x"), free_mb=9000.0, inodes_free_ratio=0.9, read_only=False, disk="nvme0n1p1", disk_kind="NVMe"
)
FIT = DiskFacts(records=PLACE, records_mb=100.0, bundles=PLACE, system=PLACE, journal_mb=300.0)
WEAK, BAD, UNKNOWN = Verdict.WEAK, Verdict.BAD, Verdict.UNKNOWN


def checks(facts: DiskFacts) -> dict[str, Check]:
    return {check.name: check for check in disk_checks(facts, serial_robot().record, installed=True)}  # 2000 MB


def test_a_fit_disk_is_good_all_over() -> None:
    assert {check.verdict for check in checks(FIT).values()} == {Verdict.GOOD}


@pytest.mark.parametrize(
    ("change", "name", "verdict"),
    [
        ({"records": replace(PLACE, free_mb=1000.0)}, "room for flight records", WEAK),
        ({"records": replace(PLACE, free_mb=1950.0)}, "room for flight records", Verdict.GOOD),  # with what is there
        ({"records": replace(PLACE, free_mb=10.0), "records_mb": 0.0}, "room for flight records", BAD),
        ({"bundles": replace(PLACE, free_mb=1000.0)}, "room for a new bundle", WEAK),
        ({"bundles": replace(PLACE, free_mb=1.0)}, "room for a new bundle", BAD),
        ({"system": replace(PLACE, read_only=True)}, "disk takes data", BAD),
        ({"system": replace(PLACE, inodes_free_ratio=0.05)}, "inodes", WEAK),
        ({"system": replace(PLACE, inodes_free_ratio=0.0)}, "inodes", BAD),
        ({"records": replace(PLACE, disk_kind="SD card")}, "kind of disk", WEAK),
        ({"records": replace(PLACE, disk_kind="")}, "kind of disk", UNKNOWN),
        ({"journal_mb": 2000.0}, "size of the journal", WEAK),
        ({"journal_mb": 5000.0}, "size of the journal", BAD),
        ({"journal_mb": None}, "size of the journal", WEAK),
        ({"records": None}, "room for flight records", UNKNOWN),
    ],
)
def test_what_is_not_fit_is_named(change: dict[str, object], name: str, verdict: Verdict) -> None:
    check = checks(replace(FIT, **change))[name]
    assert check.verdict is verdict
    assert check.verdict <= UNKNOWN or check.remedy


@pytest.mark.parametrize(
    ("name", "kind"),
    [("nvme0n1p2", "NVMe"), ("mmcblk0p1", "SD card"), ("mmcblk1p1", "eMMC"), ("sda1", "disk"), ("loop0", "")],
)
def test_the_kind_of_a_disk_is_told_by_its_name_and_the_kernel(tmp_path: Path, name: str, kind: str) -> None:
    files = {"sys/block/mmcblk0/device/type": "SD\n", "sys/block/mmcblk1/device/type": "MMC\n"}
    assert disk_kind(name, plant(tmp_path, files, {}) / "sys") == kind


def test_this_very_disk_is_read(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records/a").write_bytes(b"x" * 100_000)
    facts = read_disk(tmp_path, tmp_path / "records", tmp_path / "not/yet")
    assert facts.records is not None
    assert facts.bundles is not None
    assert facts.records.free_mb > 0
    assert facts.records_mb >= 0.1
    assert facts.bundles.path == tmp_path
    assert facts.journal_mb is None
