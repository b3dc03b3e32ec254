"""Which streams a device offers, and what is said where the one asked for is not among them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.camera_rig import camera_config
from drivers.realsense.models import MODELS, RealSenseModel
from drivers.realsense.profiles import OfferedStreams, Profile, check_offered, nearest_first, offered_streams
from interfaces.errors import DeviceError
from sim.camera.software_realsense import SoftwareRealSense

SIZES = [(424, 240), (640, 480), (848, 480), (1280, 720)]
OFFERED = OfferedStreams(
    colour=frozenset(Profile(*size, rate) for size in SIZES for rate in (6, 15, 30)),
    depth=frozenset(Profile(*size, rate) for size in SIZES[:3] for rate in (30, 90)),
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_streams_are_found_on_whichever_sensor_has_them(model: RealSenseModel) -> None:
    asked = replace(camera_config(), depth_width_px=848, depth_height_px=480)
    device = SoftwareRealSense(asked, model=model.name).device
    offered = offered_streams(device)
    assert offered == OfferedStreams(
        colour=frozenset({Profile(424, 240, 30)}), depth=frozenset({Profile(848, 480, 30)})
    )
    check_offered(asked, offered)


def test_nearest_profiles_come_first_and_few() -> None:
    with pytest.raises(DeviceError) as told:
        check_offered(camera_config(size_px=(640, 360), depth=False), OFFERED)
    assert str(told.value) == (
        "does not offer colour 640x360 at 30 Hz; it offers 640x480 at 30 Hz, 640x480 at 15 Hz, 640x480 at 6 Hz,"
        " 848x480 at 30 Hz, 848x480 at 15 Hz, 848x480 at 6 Hz and 6 more"
    )


def test_another_rate_of_the_same_size_is_nearest() -> None:
    with pytest.raises(DeviceError, match="colour 848x480 at 60 Hz; it offers 848x480 at 30 Hz, 848x480 at 15 Hz"):
        check_offered(camera_config(size_px=(848, 480), rate_hz=60), OFFERED)


def test_depth_is_looked_at_only_where_it_is_asked_for() -> None:
    asked = camera_config(size_px=(1280, 720))
    with pytest.raises(DeviceError, match="does not offer depth 1280x720 at 30 Hz; it offers 848x480 at 30 Hz"):
        check_offered(asked, OFFERED)
    check_offered(replace(asked, depth=False), OFFERED)
    check_offered(replace(asked, depth_width_px=848, depth_height_px=480), OFFERED)


def test_a_stream_that_is_not_there_at_all_is_said_to_be_missing() -> None:
    with pytest.raises(DeviceError, match="does not offer depth 424x240 at 30 Hz; it has no depth stream"):
        check_offered(camera_config(), replace(OFFERED, depth=frozenset()))


@given(
    wanted=st.builds(Profile, st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 90)),
    there=st.frozensets(st.builds(Profile, st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 90)), min_size=1),
)
def test_all_are_listed_once_and_the_very_one_is_first(wanted: Profile, there: frozenset[Profile]) -> None:
    listed = nearest_first(wanted, there | {wanted})
    assert listed[0] == wanted
    assert sorted(listed) == sorted(there | {wanted})
