"""A camera that is wrong on purpose."""

import numpy as np
import pytest

from interfaces.errors import RefusedError
from sim.camera.faults import CameraFaults
from sim.camera.process import Exposure, decode_exposure

MS = 1_000_000


def exposure(number: int, t_ns: int = 0) -> Exposure:
    return Exposure(number=number, t_capture_ns=t_ns, task="reach", seed=0, physics_state=np.arange(3.0))


@pytest.fixture
def faults() -> CameraFaults:
    return CameraFaults()


def test_a_camera_that_is_well_sees_at_once_and_unchanged(faults: CameraFaults) -> None:
    seen = exposure(1)
    assert faults.pass_on(seen, 5) == [seen]
    assert faults.pass_on(None, 6) == []


def test_a_silent_one_sees_nothing_until_it_is_well(faults: CameraFaults) -> None:
    faults.become("silent", 0)
    assert faults.pass_on(exposure(1), 5) == []
    faults.become("well", 0)
    assert [one.number for one in faults.pass_on(exposure(2), 6)] == [2]


def test_a_late_one_sees_the_same_later_and_in_order(faults: CameraFaults) -> None:
    faults.become("late", 10)
    assert faults.pass_on(exposure(1), 0) == []
    assert faults.pass_on(exposure(2), 5 * MS) == []
    assert [one.number for one in faults.pass_on(None, 10 * MS)] == [1]
    assert [one.number for one in faults.pass_on(None, 20 * MS)] == [2]


def test_a_jumping_clock_is_ahead_and_behind_and_right(faults: CameraFaults) -> None:
    faults.become("jumping", 1_000)
    stamps_ms = {one.t_capture_ns // MS for k in range(3) for one in faults.pass_on(exposure(k, 5_000 * MS), k)}
    assert stamps_ms == {4_000, 5_000, 6_000}
    faults.become("stepped", 1_000)
    assert {faults.pass_on(exposure(k, 0), k)[0].t_capture_ns for k in range(3)} == {1_000 * MS}


def test_a_frozen_one_says_so_over_the_wire(faults: CameraFaults) -> None:
    faults.become("frozen", 0)
    (seen,) = faults.pass_on(exposure(1), 0)
    assert decode_exposure(seen.encode()).frozen
    assert not decode_exposure(exposure(1).encode()).frozen


def test_a_way_to_be_wrong_that_there_is_not_is_refused(faults: CameraFaults) -> None:
    with pytest.raises(RefusedError, match="'upside down'; it can be well, silent"):
        faults.become("upside down", 0)
