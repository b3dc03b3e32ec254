"""One suite for every camera driver: what the policy process relies on, whatever the camera."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from bench.camera_rigs import CAMERA_RIGS, GREY, CameraRig, Colour, fed
from interfaces.errors import DeviceLostError
from interfaces.messages import Frame

LONG_S = 5.0  # for what comes at once on an idle machine
RED: Colour = (200, 20, 40)
BLUE: Colour = (10, 30, 220)
STAMP_SLACK_NS = 20_000_000  # the camera's clock is mapped onto ours, in whole milliseconds


@pytest.fixture(params=list(CAMERA_RIGS))
def rig(request: pytest.FixtureRequest) -> Iterator[CameraRig]:
    rig = CAMERA_RIGS[request.param]()
    yield rig
    rig.camera.close()


@pytest.fixture
def running(rig: CameraRig) -> CameraRig:
    """Return a camera that streams, and whose old pictures have been read."""
    with fed(rig):
        rig.camera.open()
    while rig.camera.read(0.2) is not None:
        continue
    return rig


def shown(rig: CameraRig, colour: Colour) -> tuple[Frame, int]:
    """Return the frame of a picture just taken, and when that was."""
    t_shown_ns = rig.show(colour)
    frame = rig.camera.read(LONG_S)
    assert frame is not None
    return frame, t_shown_ns


def test_a_frame_is_what_was_asked_for(running: CameraRig) -> None:
    frame, _ = shown(running, RED)
    asked = running.config
    assert frame.camera == running.camera.name == asked.name
    assert frame.rgb.shape == (asked.height_px, asked.width_px, 3)
    assert frame.rgb.dtype == np.uint8
    assert frame.rgb.flags.c_contiguous
    assert tuple(frame.rgb[0, 0]) == RED  # and not in the order of OpenCV
    assert frame.depth_mm is None


def test_it_is_stamped_with_the_instant_of_the_exposure(running: CameraRig) -> None:
    for _ in range(5):
        t_before_ns = time.monotonic_ns()
        frame, t_shown_ns = shown(running, RED)
        assert abs(frame.t_capture_ns - t_shown_ns) < STAMP_SLACK_NS
        assert frame.t_capture_ns <= frame.t_arrival_ns
        assert t_before_ns - STAMP_SLACK_NS <= frame.t_arrival_ns <= time.monotonic_ns()


def test_stamps_and_numbers_only_grow(running: CameraRig) -> None:
    frames = [shown(running, RED)[0] for _ in range(10)]
    assert all(a.t_capture_ns < b.t_capture_ns and a.number < b.number for a, b in itertools.pairwise(frames))


def test_without_a_picture_there_is_none_and_no_error(running: CameraRig) -> None:
    assert running.camera.read(0.0) is None
    assert running.camera.read(0.05) is None
    assert tuple(shown(running, BLUE)[0].rgb[0, 0]) == BLUE


def test_a_slow_reader_gets_nothing_old(running: CameraRig) -> None:
    t_shown_ns: list[int] = []
    for level in range(1, 9):
        t_shown_ns.append(running.show((level, level, level)))
        time.sleep(0.02)
    with fed(running):  # the camera goes on
        frame = running.camera.read(LONG_S)
    assert frame is not None
    assert frame.t_capture_ns > t_shown_ns[-3]  # the last may still be on its way through the driver's threads


def test_a_kept_frame_stays_as_it_was_and_starves_nobody(running: CameraRig) -> None:
    kept = [shown(running, (level, 0, 0))[0] for level in range(40)]
    assert [int(frame.rgb[0, 0, 0]) for frame in kept] == list(range(40))
    assert not any(frame.rgb.flags.writeable for frame in kept)


def test_health_counts(running: CameraRig) -> None:
    before = running.camera.health().frames
    for _ in range(3):
        shown(running, RED)
    health = running.camera.health()
    assert health.frames == before + 3
    assert health.rejected == 0
    assert health.clock


def test_facts_name_the_camera_and_are_gone_with_it(rig: CameraRig) -> None:
    with pytest.raises(DeviceLostError, match=rig.config.name):
        rig.camera.facts()
    with fed(rig):
        rig.camera.open()
    facts = rig.camera.facts()
    assert facts.model
    assert facts == rig.camera.facts()
    if facts.intrinsics is not None:
        assert (facts.intrinsics.width_px, facts.intrinsics.height_px) == (rig.config.width_px, rig.config.height_px)
    assert (facts.intrinsics is not None) == rig.knows_intrinsics
    rig.camera.close()
    with pytest.raises(DeviceLostError, match=rig.config.name):
        rig.camera.facts()


def test_what_is_closed_is_lost_until_it_is_opened_again(running: CameraRig) -> None:
    running.camera.close()
    running.camera.close()
    with pytest.raises(DeviceLostError, match=running.config.name):
        running.camera.read(0.05)
    with fed(running):
        running.camera.open()
        frame = running.camera.read(LONG_S)
    assert frame is not None
    assert tuple(frame.rgb[0, 0]) == GREY


def test_an_open_that_waits_for_pictures_can_be_interrupted_for_good(rig: CameraRig) -> None:
    said = list[str]()

    def open_it() -> None:
        try:
            rig.camera.open()
        except DeviceLostError as error:
            said.append(str(error))

    opening = threading.Thread(target=open_it)
    opening.start()
    rig.camera.interrupt()
    opening.join()
    assert [rig.config.name in text and "told to end" in text for text in said] == [True]


def test_a_read_that_waits_for_pictures_can_be_interrupted(running: CameraRig) -> None:
    running.camera.interrupt()
    assert running.camera.read(3600.0) is None
