"""The ladder on a virtual clock, and the driver on it with a device that vanishes and comes back."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

import pyrealsense2 as rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.camera_rig import LONG_S, camera_config, push
from drivers.realsense import RealSenseCamera
from drivers.realsense_recovery import Patience, RecoveryLadder, Step
from drivers.realsense_source import InjectedDevice
from interfaces.errors import DeviceError, DeviceLostError
from interfaces.messages import Frame
from sim.software_realsense import SoftwareRealSense

MS = 1_000_000
STALE_NS = 500 * MS
TICK_NS = 100 * MS  # how often the driver asks


class VirtualCamera:
    """The driver's part with the ladder, on a virtual clock: what each step comes to is given."""

    def __init__(self, *, resettable: bool = True) -> None:
        self.t_ns = 0
        self.ladder = RecoveryLadder(stale_ns=STALE_NS, patience=Patience(), resettable=resettable, t_now_ns=0)
        self.steps = list[tuple[float, Step]]()
        self.starts = True
        self.on_bus = True
        self.comes_back_after_ns: int | None = None  # a reset
        self._t_reset_ns: int | None = None

    def run(self, duration_s: float) -> bool:
        """Let time pass; return whether the camera was given up."""
        t_end_ns = self.t_ns + round(duration_s * 1e9)
        while self.t_ns < t_end_ns:
            self.t_ns += TICK_NS
            if self._turn():
                return True
        return False

    def _present(self) -> bool:
        if self._t_reset_ns is None:
            return self.on_bus
        away_ns = self.t_ns - self._t_reset_ns
        if away_ns < 800 * MS:
            return True  # still the old one, about to leave
        return self.comes_back_after_ns is not None and away_ns >= self.comes_back_after_ns

    def _turn(self) -> bool:
        step = self.ladder.due(self.t_ns)
        if step is Step.LOOK:
            step = self.ladder.seen(self.t_ns, present=self._present())
        if step is not Step.WAIT:
            self.steps.append((self.t_ns * 1e-9, step))
        if step is Step.RESTART and self.starts and self._present():
            self.ladder.started(self.t_ns)
        elif step is Step.RESTART:
            self.ladder.failed("busy", self.t_ns, gone=not self._present())
        elif step is Step.RESET:
            self._t_reset_ns = self.t_ns
            self.ladder.left(self.t_ns)
        return step is Step.GIVE_UP


def test_silence_climbs_the_ladder_rung_by_rung() -> None:
    camera = VirtualCamera()
    camera.comes_back_after_ns = 6000 * MS
    assert camera.run(60.0)
    assert camera.steps == [
        (pytest.approx(0.5), Step.RESTART),
        (pytest.approx(2.5), Step.RESTART),
        (pytest.approx(4.5), Step.RESET),
        (pytest.approx(10.5), Step.RESTART),  # enumerated again, and not before it had left
        (pytest.approx(15.5), Step.GIVE_UP),
    ]
    assert (camera.ladder.restarts, camera.ladder.resets) == (3, 1)
    assert camera.ladder.story(camera.t_ns) == (
        "no frame for 15.5 s: restarted after 0.5 s; restarted after 2.5 s; hardware reset after 4.5 s;"
        " found again after 10.5 s; restarted after 10.5 s"
    )


def test_a_frame_ends_the_climb_and_the_next_silence_starts_at_the_foot() -> None:
    camera = VirtualCamera()
    camera.run(3.0)
    assert camera.ladder.climbing
    camera.ladder.heard(camera.t_ns)
    assert not camera.ladder.climbing
    camera.steps.clear()
    camera.run(1.0)
    assert camera.steps == [(pytest.approx(3.5), Step.RESTART)]


def test_a_short_silence_is_none() -> None:
    camera = VirtualCamera()
    for _ in range(100):
        camera.run(0.4)
        camera.ladder.heard(camera.t_ns)
    assert camera.steps == []


def test_an_unplugged_camera_is_waited_for_without_a_reset() -> None:
    camera = VirtualCamera()
    camera.on_bus = False
    camera.run(3.0)
    assert camera.ladder.away
    camera.on_bus = True
    camera.run(1.0)
    assert [step for _, step in camera.steps] == [Step.RESTART, Step.RESTART]
    assert "does not start again (busy) after 0.5 s; found again after 3.5 s" in camera.ladder.story(camera.t_ns)
    assert camera.ladder.resets == 0


def test_an_unplugged_camera_is_not_waited_for_for_ever() -> None:
    camera = VirtualCamera()
    camera.on_bus = False
    assert camera.run(60.0)
    assert camera.t_ns * 1e-9 == pytest.approx(10.5)
    assert camera.ladder.story(camera.t_ns).endswith("not found again after 10.5 s")


def test_one_that_does_not_start_is_tried_again_soon_then_reset() -> None:
    camera = VirtualCamera()
    camera.starts = False
    camera.comes_back_after_ns = 5000 * MS
    assert camera.run(60.0)
    assert [step for _, step in camera.steps[:3]] == [Step.RESTART, Step.RESTART, Step.RESET]
    assert camera.steps[2][0] == pytest.approx(1.5)
    # Back on the bus, its device files may be closed to us for a moment longer: every half second is one more attempt.
    assert [step for _, step in camera.steps[3:]] == [Step.RESTART] * 10 + [Step.GIVE_UP]


def test_what_cannot_be_reset_is_given_up_after_its_restarts() -> None:
    camera = VirtualCamera(resettable=False)
    assert camera.run(60.0)
    assert [step for _, step in camera.steps] == [Step.RESTART, Step.RESTART, Step.GIVE_UP]


@settings(deadline=None)
@given(
    answers=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60),
    resettable=st.booleans(),
    tick_ms=st.integers(20, 400),
)
def test_whatever_happens_a_silent_camera_is_given_up_in_bounded_time(
    *, answers: list[tuple[bool, bool]], resettable: bool, tick_ms: int
) -> None:
    patience = Patience()
    ladder = RecoveryLadder(stale_ns=STALE_NS, patience=patience, resettable=resettable, t_now_ns=0)
    t_ns, asked, step = 0, iter(answers), Step.WAIT
    while step is not Step.GIVE_UP:
        t_ns += tick_ms * MS
        # Each of at most a dozen turnings is taken a tick late.
        assert t_ns <= patience.longest_ns(STALE_NS) + 40 * tick_ms * MS
        yes, gone = next(asked, (False, False))
        step = ladder.due(t_ns)
        if step is Step.LOOK:
            step = ladder.seen(t_ns, present=yes)
        if step is Step.RESTART and yes:
            ladder.started(t_ns)
        elif step is Step.RESTART:
            ladder.failed("no", t_ns, gone=gone)
        elif step is Step.RESET:
            assert resettable
            ladder.left(t_ns, "" if yes else "it does not listen")
    assert ladder.resets <= 1


QUICK = Patience(
    restart_ns=100 * MS,
    settle_ns=0,
    away_ns=60_000 * MS,
    look_ns=20 * MS,
    back_ns=60_000 * MS,
    first_frame_ns=60_000 * MS,
)


class WobblyCable:
    """A source whose device can be unplugged, and comes back some looks after it was reset or plugged in."""

    replays = False
    warms_up = False
    resettable = True

    def __init__(self) -> None:
        self.asked = camera_config(stale_ms=500.0)
        self.software = SoftwareRealSense(self.asked)
        self._source = InjectedDevice(self.software.device)
        self.label = self._source.label
        self.done = list[str]()
        self.silent = self.plugged = True
        self.looks_away: int | None = 3
        self.failure: RuntimeError | None = None
        self.pipeline: rs.pipeline | None = None

    def attach(self, pipeline: rs.pipeline, config: rs.config) -> rs.device:
        self.done.append("attach")
        if self.failure is not None:
            raise self.failure
        if not self.plugged:
            raise DeviceLostError("no RealSense found (found: none)")
        self.pipeline = pipeline
        return self._source.attach(pipeline, config)

    def prepare(self, pipeline: rs.pipeline, config: rs.config) -> None:
        """Do nothing."""

    def started(self) -> None:
        """Do nothing."""

    def present(self) -> bool:
        self.done.append("look")
        if not self.plugged and self.looks_away is not None:
            self.looks_away -= 1
            self.plugged = self.looks_away == 0
            self.silent = not self.plugged
        return self.plugged

    def reset(self) -> None:
        self.done.append("reset")
        if self.failure is not None:
            raise DeviceError("it does not listen")
        self.plugged = False

    def ended(self) -> bool:
        return False


@contextmanager
def wobbly_camera() -> Generator[tuple[RealSenseCamera, WobblyCable]]:
    """The driver on such a cable, opened; pictures come for as long as it is plugged in and not silent."""
    cable, done = WobblyCable(), threading.Event()

    def feed() -> None:
        number = 0
        while not done.wait(0.01):
            if cable.plugged and not cable.silent:
                push(cable.software, number := number + 1)

    feeder = threading.Thread(target=feed)
    feeder.start()
    camera = RealSenseCamera(cable.asked, cable, patience=QUICK)
    cable.silent = False
    try:
        camera.open()
        while camera.read(LONG_S) is None:
            pass
        yield camera, cable
    finally:
        done.set()
        feeder.join()
        camera.close()


def next_frame(camera: RealSenseCamera) -> Frame:
    for _ in range(1000):
        frame = camera.read(0.1)
        if frame is not None:
            return frame
    raise AssertionError("no frame came")


def read_until_lost(camera: RealSenseCamera) -> None:
    for _ in range(1000):
        camera.read(0.1)


def test_silent_camera_is_restarted_reset_found_again_and_streams(caplog: pytest.LogCaptureFixture) -> None:
    with wobbly_camera() as (camera, cable):
        cable.done.clear()
        before = camera.health()
        cable.silent = True
        while "reset" not in cable.done:
            camera.read(0.1)
        next_frame(camera)
        assert cable.done == ["attach", "attach", "reset", "look", "look", "look", "attach"]
        after = camera.health()
        assert (after.restarts - before.restarts, after.resets) == (3, 1)
    lines = [record.getMessage() for record in caplog.records if "no frame for" in record.getMessage()][-5:]
    assert [line.rpartition("; ")[2] for line in lines[:4]] == [
        "starts again",
        "starts again",
        "told to reset itself",
        "starts again",
    ]
    assert "streams again; no frame for" in lines[4]
    assert "hardware reset after" in lines[4]


def test_unplugged_camera_streams_again_when_it_is_plugged_in() -> None:
    with wobbly_camera() as (camera, cable):
        cable.done.clear()
        cable.silent, cable.plugged = True, False
        while "attach" not in cable.done:
            camera.read(0.1)
        next_frame(camera)
        assert cable.done == ["attach", "look", "look", "look", "attach"]


def test_camera_that_does_not_come_back_is_lost_with_its_story(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        f"{__name__}.QUICK", Patience(restart_ns=100 * MS, settle_ns=0, away_ns=300 * MS, look_ns=20 * MS)
    )
    with wobbly_camera() as (camera, cable):
        cable.silent, cable.looks_away = True, None
        with pytest.raises(
            DeviceLostError, match=r"front.*no frame for .* s: restarted after .*reset after .*not found again"
        ):
            read_until_lost(camera)
        with pytest.raises(DeviceLostError, match="not open"):
            camera.read(0.0)
        cable.plugged, cable.silent = True, False
        camera.open()  # a lost camera can be opened again
        next_frame(camera)


def test_camera_that_does_not_start_again_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        f"{__name__}.QUICK", Patience(restart_ns=100 * MS, settle_ns=0, look_ns=20 * MS, back_ns=100 * MS)
    )
    with wobbly_camera() as (camera, cable):
        cable.silent = True
        cable.failure = RuntimeError("xioctl(VIDIOC_S_FMT) failed, errno=16 Last Error: Device or resource busy")
        with pytest.raises(
            DeviceLostError, match=r"does not start again \(.*busy.*hardware reset refused \(it does not"
        ):
            read_until_lost(camera)


def test_pipeline_that_stopped_by_itself_is_started_again() -> None:
    with wobbly_camera() as (camera, cable):
        cable.done.clear()
        assert cable.pipeline is not None
        cable.pipeline.stop()
        while "attach" not in cable.done:
            camera.read(0.1)
        next_frame(camera)


def test_interrupted_while_away_it_returns_at_once() -> None:
    with wobbly_camera() as (camera, cable):
        cable.silent, cable.plugged, cable.looks_away = True, False, None
        while "look" not in cable.done:
            camera.read(0.1)
        camera.interrupt()
        assert camera.read(3600.0) is None
