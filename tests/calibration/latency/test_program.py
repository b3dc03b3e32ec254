"""`forerun calibrate latency` from its options to the record, with an arm and a camera that are late by known times."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from calibration.latency import program
from calibration.records.store import RecordStore
from calibration.session.touch import TouchError
from calibration.session.workplace import Workplace
from interfaces.calibration.motion import LatencyRecord
from interfaces.errors import RefusedError
from tests.calibration.latency.delayed_arm import ARM, CAMERA, DelayedArm, LateCamera, VirtualClock, WillingOperator

DELAY_S, FOLLOWING_S, LATE_S = 0.03, 0.02, 0.045
COMMAND_MS = 1e3 * (DELAY_S + FOLLOWING_S) + 5.0


class Bench:
    """A workplace, and how to run the program in it."""

    def __init__(self, folder: Path, *refused: str) -> None:
        self.clock = VirtualClock()
        self.arm = DelayedArm(self.clock, delay_s=DELAY_S, following_s=FOLLOWING_S)
        self.camera = LateCamera(self.clock, self.arm, late_s=LATE_S)
        self.operator = WillingOperator(*refused)
        self.store = RecordStore(folder / "records")
        robot = SimpleNamespace(
            name="virtual",
            arm=ARM,
            cameras=(CAMERA, replace(CAMERA, name="side")),
            runtime=SimpleNamespace(bus_error_budget=5),
        )
        self.workplace = Workplace(
            robot=cast("Any", robot),
            records=folder / "records",
            pictures=folder / "pictures",
            operator=cast("Any", self.operator),
            clock=self.clock,
            make_arm=lambda _arm: cast("Any", self.arm),
            make_camera=lambda _config: cast("Any", self.camera),
            make_homing=lambda: None,
        )

    def run(self, *options: str) -> int:
        parser = argparse.ArgumentParser()
        program.add_arguments(parser)
        return program.run(self.workplace, parser.parse_args(["--seconds", "6", "--camera", "front", *options]))

    def record(self) -> LatencyRecord | None:
        record = self.store.current("latency", "front")
        assert record is None or isinstance(record, LatencyRecord)
        return record


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, LatencyRecord]:
    """A bench after a measurement, and what was recorded."""
    bench = Bench(tmp_path_factory.mktemp("measured"))
    assert bench.run() == program.PASSED
    record = bench.record()
    assert record is not None
    return bench, record


def test_both_delays_are_found_and_recorded(measured: tuple[Bench, LatencyRecord]) -> None:
    bench, record = measured
    assert record.command_to_motion_ms == pytest.approx(COMMAND_MS, abs=2.0)
    assert record.motion_to_frame_ms == pytest.approx(1e3 * LATE_S, abs=2.0)
    assert (record.joint, record.camera.model, record.header.passed) == ("shoulder", "virtual camera", True)
    assert (bench.workplace.pictures / "latency-front.png").stat().st_size > 10_000
    assert not bench.arm.driving  # it hung limp before


def test_a_camera_that_looks_away_is_told_so_and_nothing_is_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.camera.px_per_rad = 0.0
    assert bench.run() == program.FAILED
    assert any("does the camera see" in text for text in bench.operator.heard)
    assert bench.record() is None


def test_a_touch_ends_it_and_the_record_of_before_stays(tmp_path: Path, measured: tuple[Bench, LatencyRecord]) -> None:
    bench, (_, before) = Bench(tmp_path), measured
    bench.store.save(before)
    bench.arm.wall_rad = 0.12
    with pytest.raises(TouchError, match="something is in its way"):
        bench.run()
    assert bench.record() == before
    assert not bench.arm.driving


def test_an_arm_that_may_not_move_is_not_touched(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "arm-moves")
    with pytest.raises(RefusedError, match="may not move"):
        bench.run()
    assert not bench.arm.steps


def test_a_record_that_is_not_wanted_is_not_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "accept")
    assert bench.run() == program.FAILED
    assert bench.record() is None


@pytest.mark.parametrize(
    "options", [("--joint", "knee"), ("--seconds", "2"), ("--degrees", "90"), ("--camera", "back")]
)
def test_options_that_cannot_be_are_refused(tmp_path: Path, options: tuple[str, str]) -> None:
    with pytest.raises(RefusedError):
        Bench(tmp_path).run(*options)


def test_a_joint_at_the_end_of_its_travel_swings_inside_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.arm.steps.append((0.0, 1.49, 1.49))
    bench.camera.px_per_rad = 0.0
    bench.run()
    assert max(goal for _, goal, _ in bench.arm.steps[5:]) <= 1.5
    assert np.ptp([goal for _, goal, _ in bench.arm.steps[200:700]]) > 0.1
