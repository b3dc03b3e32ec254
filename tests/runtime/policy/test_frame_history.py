"""Each slot of a history holds the frame that was there at its instant, whatever came before and however fast the camera is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from weakref import WeakSet

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from interfaces.bundle_manifest import HELD_MAX, CameraSpec, GraphSpec
from interfaces.engine import Engine, Tensors
from interfaces.messages import Frame
from interfaces.robot_config import RobotConfig
from runtime.policy.board import PolicyBoard
from runtime.policy.bundle import LoadedBundle
from runtime.policy.foresight_stage import ForesightStage
from runtime.policy.frame_gathering import FrameGathering
from runtime.policy.frame_history import FrameHistory, as_first, histories_of

MS = 1_000_000
FRAME_NS = round(1e9 / 30)
FRONT = CameraSpec(name="front", width_px=4, height_px=2, n_history=4, history_step_ms=100.0)
MakeFrame = Callable[..., Frame]


class Watched:
    """An engine that shows what it was given."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.given: Tensors = {}

    @property
    def spec(self) -> GraphSpec:
        """Return the tensors of the graph."""
        return self._engine.spec

    def run(self, inputs: Tensors) -> Tensors:
        """Run, and keep the inputs."""
        self.given = inputs
        return self._engine.run(inputs)


def seen(history: FrameHistory[int], times_ns: Sequence[int]) -> tuple[int, ...]:
    """Return what goes before the last frame; a frame is its own instant."""
    for t_ns in times_ns:
        history.add(t_ns, t_ns)
    return history.earlier(times_ns[-1], times_ns[-1])


def test_a_camera_whose_period_divides_the_step_gives_its_very_frames() -> None:
    times_ns = [k * FRAME_NS for k in range(40)]  # 3 x 33 333 333 ns are a nanosecond less than 100 ms
    assert seen(FrameHistory(4, 100.0), times_ns) == (times_ns[30], times_ns[33], times_ns[36])


def test_of_a_camera_that_does_not_the_frames_before_count() -> None:
    assert seen(FrameHistory(3, 50.0), [k * 40 * MS for k in range(9)]) == (200 * MS, 240 * MS)  # of 320


def test_a_late_frame_counts_a_little_and_no_more() -> None:
    assert seen(FrameHistory(2, 100.0), [0, 34 * MS, 70 * MS, 105 * MS, 170 * MS]) == (70 * MS,)
    assert seen(FrameHistory(2, 100.0), [0, 34 * MS, 64 * MS, 70 * MS, 105 * MS, 169 * MS]) == (70 * MS,)
    assert seen(FrameHistory(2, 100.0), [0, 34 * MS, 64 * MS, 75 * MS, 105 * MS, 169 * MS]) == (64 * MS,)


def test_before_there_are_enough_the_oldest_is_repeated() -> None:
    history = FrameHistory[int](4, 100.0)
    assert seen(history, [0]) == (0, 0, 0)
    assert seen(history, [60 * MS, 120 * MS]) == (0, 0, 0)
    assert seen(history, [180 * MS, 240 * MS]) == (0, 0, 120 * MS)


def test_a_gap_another_size_and_a_step_back_begin_anew() -> None:
    history = FrameHistory[int](3, 100.0)
    assert seen(history, [0, 100 * MS, 200 * MS]) == (0, 100 * MS)
    assert seen(history, [400 * MS]) == (200 * MS, 200 * MS)  # a gap as long as the history is none yet
    assert seen(history, [611 * MS]) == (611 * MS, 611 * MS)
    assert seen(history, [700 * MS]) == (611 * MS, 611 * MS)
    history.add(800 * MS, 800 * MS, (480, 640, 3))
    assert history.earlier(800 * MS, 800 * MS) == (800 * MS, 800 * MS)
    assert seen(history, [300 * MS]) == (300 * MS, 300 * MS)


def test_one_frame_has_none_before_it() -> None:
    assert seen(FrameHistory(1, 100.0), [0, 10 * MS, 20 * MS]) == ()


class Shown:
    """Something to hold."""


def test_no_more_is_held_than_may_be_asked_for() -> None:
    history = FrameHistory[Shown](4, 100.0)
    alive = WeakSet[Shown]()

    def born() -> Shown:
        shown = Shown()
        alive.add(shown)
        return shown

    def see(count: int, start_ns: int, period_ns: int) -> int:
        for number in range(count):
            history.add(born(), start_ns + number * period_ns)
        return len(alive)

    assert see(1000, 0, FRAME_NS) <= 11  # 300 ms at 30 Hz, and one before them
    assert see(5000, 1000 * FRAME_NS, 1000) == HELD_MAX  # a camera that is said to be slow, and is not


@given(
    st.integers(1, 16),
    st.integers(1, 500),
    st.lists(st.integers(0, 400), min_size=1, max_size=60),
    st.integers(0, 3),
)
def test_the_rule(n_history: int, step_ms: int, gaps_ms: list[int], behind: int) -> None:
    """Against the rule written down once more, with all frames at hand."""
    times_ns = [int(t_ms) * MS for t_ms in np.cumsum(gaps_ms)]
    history = FrameHistory[int](n_history, float(step_ms), behind=behind)
    for number, t_ns in enumerate(times_ns):
        history.add(number, t_ns)
    last = max(len(times_ns) - 1 - behind, 0)  # one that others came after
    since = 0
    for number in range(1, len(times_ns)):
        if times_ns[number] - times_ns[number - 1] > (n_history - 1 + 0.05) * step_ms * MS:
            since = number
    t_now_ns = times_ns[last]
    known = [number for number in range(since, len(times_ns)) if times_ns[number] <= t_now_ns] or [last]
    wanted: list[int] = []
    for k in range(n_history - 1, 0, -1):
        t_slot_ns = t_now_ns - k * step_ms * MS
        there = [number for number in known if times_ns[number] <= t_slot_ns + 0.05 * step_ms * MS]
        off = [abs(times_ns[number] - t_slot_ns) for number in there]
        wanted.append(times_ns[there[off.index(min(off))]] if there else times_ns[known[0]])
    assert [times_ns[number] for number in history.earlier(last, t_now_ns)] == wanted


def test_gathered_frames_come_with_those_before_them(robot: RobotConfig, make_frame: MakeFrame) -> None:
    board = PolicyBoard()
    gathering = FrameGathering(robot.cameras[:1], 0.0, board, [FRONT])
    frames = [
        replace(make_frame(k * FRAME_NS, k, (2, 4)), depth_mm=np.zeros((2, 4), np.uint16), number=k) for k in range(12)
    ]
    for frame in frames:
        gathering.put(frame, frame.t_arrival_ns)
    newest = board.frames.newest()
    assert newest is not None
    [frame] = newest.value
    assert frame.rgb is frames[11].rgb
    assert [one.number for one in frame.earlier] == [2, 5, 8]
    assert all(one.rgb is frames[one.number].rgb for one in frame.earlier)  # nothing is copied
    assert all(one.depth_mm is None and one.earlier == () for one in frame.earlier)  # and nothing else is held


def test_two_cameras_each_have_their_own(robot: RobotConfig, make_frame: MakeFrame) -> None:
    board = PolicyBoard()
    configs = (robot.cameras[0], replace(robot.cameras[0], name="wrist"))
    wrist = replace(FRONT, name="wrist", n_history=2, history_step_ms=40.0)
    gathering = FrameGathering(configs, 5.0, board, [FRONT, wrist])
    for k in range(12):
        for name, late_ns in (("front", 0), ("wrist", 2 * MS)):
            frame = replace(make_frame(k * FRAME_NS + late_ns, k, (2, 4)), camera=name, number=k)
            gathering.put(frame, frame.t_arrival_ns)
    newest = board.frames.newest()
    assert newest is not None
    numbers = {frame.camera: [one.number for one in frame.earlier] for frame in newest.value}
    assert numbers == {"front": [2, 5, 8], "wrist": [9]}
    assert all(one.camera == frame.camera for frame in newest.value for one in frame.earlier)


def test_for_a_bundle_that_does_not_look_back_nothing_is_other_than_before(
    robot: RobotConfig, tiny_bundle: LoadedBundle, make_frame: MakeFrame
) -> None:
    assert histories_of(tiny_bundle.cameras) is None
    board = PolicyBoard()
    gathering = FrameGathering(robot.cameras[:1], 0.0, board, tiny_bundle.cameras)
    frame = make_frame()
    gathering.put(frame, 0)
    newest = board.frames.newest()
    assert newest is not None
    assert newest.value[0] is frame
    assert as_first(newest.value, tiny_bundle.cameras) is newest.value
    engine = Watched(tiny_bundle.foresight)
    foresight = ForesightStage(replace(tiny_bundle, foresight=engine)).foresee(newest.value, "push", 1)
    assert engine.given["front"] is frame.rgb  # the camera's own array, not a copy
    assert foresight.t_earlier_ns == ()
    again = tiny_bundle.foresight.run({"front": frame.rgb, "instruction": np.eye(4, dtype=np.float32)[1]})
    np.testing.assert_array_equal(foresight.tokens, again["tokens"])
