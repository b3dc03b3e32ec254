"""Which lens is believed: the record's, the maker's, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibration.records.header import new_header
from calibration.records.lens import lens_of
from calibration.records.store import RecordStore
from calibration.session.clock import MonotonicClock
from calibration.session.workplace import Workplace
from calibration.session.yes_operator import YesOperator
from interfaces.calibration.camera import CameraRecord
from interfaces.calibration.record import FORMAT, CameraIdentity, Check
from interfaces.device_facts import CameraFacts, CameraIntrinsics
from interfaces.errors import RefusedError
from interfaces.robot_config import load_robot

ROBOT = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml")
CAMERA = replace(ROBOT.cameras[0], width_px=1280, height_px=720)
IDENTITY = CameraIdentity(model="D435", serial="7")


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    def refuse(*_: object) -> Any:
        raise AssertionError("no device is opened here")

    return Workplace(
        robot=ROBOT,
        records=tmp_path,
        pictures=tmp_path,
        operator=YesOperator(MonotonicClock(), "tester"),
        clock=MonotonicClock(),
        make_arm=refuse,
        make_camera=refuse,
    )


def save(workplace: Workplace, lens: CameraIntrinsics, error_px: float = 0.1) -> None:
    """Write what was measured."""
    check = Check(name="error", value=error_px, limit=1.0, unit="px")
    record = CameraRecord(
        kind="camera",
        format=FORMAT,
        header=new_header(workplace, [check], subject=CAMERA.name),
        camera=IDENTITY,
        source="estimated",
        intrinsics=lens,
    )
    RecordStore(workplace.records).save(record)


def test_the_makers_lens_is_believed_as_long_as_nobody_measured(workplace: Workplace, maker: CameraIntrinsics) -> None:
    facts = CameraFacts(model="D435", serial="7", intrinsics=maker)
    assert lens_of(workplace, CAMERA, facts) == (maker, "its maker")
    with pytest.raises(RefusedError, match="does not tell its lens"):
        lens_of(workplace, CAMERA, replace(facts, intrinsics=None))


def test_what_was_measured_goes_before_the_maker(workplace: Workplace, maker: CameraIntrinsics) -> None:
    better = replace(maker, focal_x_px=931.0)
    save(workplace, better)
    facts = CameraFacts(model="D435", serial="7", intrinsics=maker)
    for told in (maker, None):
        lens, source = lens_of(workplace, CAMERA, replace(facts, intrinsics=told))
        assert lens == better
        assert source.startswith("record of 20")


@pytest.mark.parametrize("other", [{"serial": "8"}, {"serial": ""}, {"model": "D455"}])
def test_what_was_measured_of_another_camera_is_not_believed(
    workplace: Workplace, maker: CameraIntrinsics, other: dict[str, Any]
) -> None:
    save(workplace, replace(maker, focal_x_px=931.0))
    facts = replace(CameraFacts(model="D435", serial="7", intrinsics=maker), **other)
    assert lens_of(workplace, CAMERA, facts) == (maker, "its maker")


def test_a_measurement_that_failed_is_not_believed(workplace: Workplace, maker: CameraIntrinsics) -> None:
    save(workplace, replace(maker, focal_x_px=931.0), error_px=2.0)
    facts = CameraFacts(model="D435", serial="7", intrinsics=maker)
    assert lens_of(workplace, CAMERA, facts) == (maker, "its maker")


@pytest.mark.parametrize("measured", [False, True])
def test_a_lens_for_pictures_of_another_size_is_refused(
    workplace: Workplace, maker: CameraIntrinsics, *, measured: bool
) -> None:
    small = replace(maker, width_px=640, height_px=480)
    if measured:
        save(workplace, small)
    facts = CameraFacts(model="D435", serial="7", intrinsics=maker if measured else small)
    with pytest.raises(RefusedError, match=r"known for pictures of 640 x 480 .* asks for 1280 x 720"):
        lens_of(workplace, CAMERA, facts)
