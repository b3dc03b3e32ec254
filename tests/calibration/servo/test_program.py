"""`forerun calibrate servo` from its options to the record, with a joint of known friction and play."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from calibration.records.store import RecordStore
from calibration.servo import program
from calibration.session.touch import TouchError
from calibration.session.workplace import Workplace
from interfaces.calibration.motion import ServoJoint, ServoRecord
from interfaces.errors import RefusedError
from tests.calibration.servo.sticky_arm import ARM, StickyArm, VirtualClock, WillingOperator

RUNTIME = SimpleNamespace(bus_error_budget=5)
DRY_RATIO, PLAY_RAD = 0.1, 0.008


class Bench:
    """A workplace, and how to run the program in it."""

    def __init__(
        self, folder: Path, dry_ratio: float = DRY_RATIO, play_rad: float = PLAY_RAD, strong_to_rad_s: float = 100.0
    ) -> None:
        self.clock = VirtualClock()
        self.arm = StickyArm(self.clock, dry_ratio=dry_ratio, play_rad=play_rad, strong_to_rad_s=strong_to_rad_s)
        self.operator = WillingOperator()
        self.store = RecordStore(folder / "records")
        self.workplace = Workplace(
            robot=cast("Any", SimpleNamespace(name="virtual", arm=ARM, cameras=(), runtime=RUNTIME)),
            records=folder / "records",
            pictures=folder / "pictures",
            operator=cast("Any", self.operator),
            clock=self.clock,
            make_arm=lambda _arm: cast("Any", self.arm),
            make_camera=lambda _config: cast("Any", None),
        )

    def run(self, *options: str) -> int:
        parser = argparse.ArgumentParser()
        program.add_arguments(parser)
        return program.run(self.workplace, parser.parse_args(options))

    def joint(self) -> ServoJoint:
        record = self.store.current("servo")
        assert isinstance(record, ServoRecord)
        (joint,) = record.joints
        return joint

    def heard(self, text: str) -> bool:
        return any(text in line for line in self.operator.heard)


def test_friction_play_and_following_are_found_and_a_worn_joint_is_noticed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.run() == program.PASSED
    joint = bench.joint()
    assert joint.friction_ratio == pytest.approx(DRY_RATIO + 0.1 * 0.6, abs=0.02)
    assert joint.backlash_rad == pytest.approx(PLAY_RAD, abs=0.001)
    assert (joint.velocity_suggested_rad_s, joint.acceleration_suggested_rad_s2) == (4.0, 60.0)
    assert (tmp_path / "pictures" / "servo-shoulder.png").stat().st_size > 10_000
    assert not bench.arm.driving  # it hung limp before
    assert not bench.heard("changed")
    worn = Bench(tmp_path, dry_ratio=0.2, play_rad=0.02)
    assert worn.run("--joint", "shoulder") == program.PASSED
    assert worn.heard("shoulder changed:[/] friction")
    assert worn.heard("shoulder changed:[/] backlash")


def test_a_joint_that_is_weak_at_speed_is_given_a_lower_limit_to_paste(tmp_path: Path) -> None:
    bench = Bench(tmp_path, strong_to_rad_s=2.7)
    assert bench.run() == program.PASSED
    assert bench.joint().velocity_suggested_rad_s == pytest.approx(2.0, abs=0.2)
    assert bench.heard("velocity_max_rad_s = ")


def test_a_joint_that_hardly_moves_fails_and_is_not_recorded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, dry_ratio=0.46)
    assert bench.run() == program.FAILED
    assert bench.heard("shoulder: friction")
    assert bench.store.current("servo") is None


def test_a_touch_ends_it_and_leaves_the_arm_as_it_was(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.arm.wall_rad = 0.15
    with pytest.raises(TouchError, match="something is in its way"):
        bench.run()
    assert not bench.arm.driving
    assert bench.store.current("servo") is None


@pytest.mark.parametrize("options", [("--joint", "knee"), ("--degrees", "90")])
def test_options_that_cannot_be_are_refused(tmp_path: Path, options: tuple[str, str]) -> None:
    with pytest.raises(RefusedError):
        Bench(tmp_path).run(*options)


def test_an_arm_that_may_not_move_is_not_touched(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.operator.refused = ("arm-moves",)
    with pytest.raises(RefusedError, match="may not move"):
        bench.run()
    assert not bench.arm.steps
