"""The ladder on a virtual clock."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.realsense.recovery import Patience, RecoveryLadder, Step

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
