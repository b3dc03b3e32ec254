"""`forerun selftest`: who is to blame, the version or the robot file, told by the exit status."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench.self_test
from bench.self_test import ROBOT_FILE_ROW, Row
from forerun import selftest

GOOD, BAD_FILE, BAD_LOOP = Row("loop", "good", ""), Row(ROBOT_FILE_ROW, "FAILED", ""), Row("loop", "FAILED", "")


@pytest.mark.parametrize(
    ("rows", "status"),
    [((GOOD,), 0), ((GOOD, BAD_FILE), 2), ((BAD_FILE, BAD_LOOP), 1), ((BAD_LOOP,), 1)],
)
def test_the_status_tells_a_bad_version_from_a_bad_robot_file(
    rows: tuple[Row, ...], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tested(_: Path | None) -> Iterator[Row]:
        return iter(rows)

    monkeypatch.setattr(bench.self_test, "self_test", tested)
    assert selftest.run(argparse.Namespace(robot=None)) == status


def test_a_robot_file_that_is_nonsense_is_said_to_be_the_robot_files_fault(tmp_path: Path) -> None:
    robot = tmp_path / "robot.toml"
    robot.write_text("nonsense")
    failed = [row for row in bench.self_test.self_test(robot) if row.failed]
    assert [row.name for row in failed] == [ROBOT_FILE_ROW]
    assert str(robot) in failed[0].what
