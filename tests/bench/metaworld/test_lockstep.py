"""Meta-World in lockstep on a stand-in for its package: the loops' ages are those of the latencies, and no chunk means to stay."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Brain, Outcome
from bench.metaworld.evaluation import play_expert
from bench.metaworld.lockstep import ACTION_HZ, FORESIGHT_HZ, play
from bench.metaworld.summary import summary
from interfaces.messages import ActionChunk, Foresight, Frame, JointState
from sim.metaworld import package
from sim.metaworld.expert import Experts
from sim.metaworld.targets import LEAD_M
from sim.metaworld.world import MetaworldWorld
from tests.sim.metaworld.fake_task import fake_package

PUNCTUAL = Latencies(camera_ms=0.0, foresight_ms=0.0, action_ms=0.0)
LATE = Latencies(camera_ms=5.0, foresight_ms=40.0, action_ms=2.0)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> MetaworldWorld:
    """Return a world of the stand-in."""
    monkeypatch.setattr(package, "_module", fake_package)
    return MetaworldWorld()


class Planner:
    """Foresees where the thing is, which is all that it puts in its tokens; acts on that and on the hand's place."""

    def __init__(self, world: MetaworldWorld, *, acts: bool = True) -> None:
        self._world, self._acts = world, acts
        self._sequence = itertools.count(1)
        self.asked: list[tuple[int, int, int]] = []  # instants of acting, of the joints, and of the frame
        self.frames: list[Frame] = []

    def brain(self) -> Brain:
        return Brain(foresee=self.foresee, act=self.act)

    def foresee(self, frames: tuple[Frame, ...], task: str, t_now_ns: int) -> Foresight:
        [frame] = frames
        self.frames.append(frame)
        thing_m = self._world.points_m[1].astype(np.float32)[None]
        return Foresight(
            sequence=len(self.frames), instruction=task, t_capture_ns=frame.t_capture_ns, t_done_ns=t_now_ns, tokens=thing_m
        )  # fmt: skip

    def act(self, foresight: Foresight | None, joints: JointState, task: str, t_now_ns: int) -> ActionChunk | None:
        if foresight is None or not self._acts:
            return None
        assert foresight.instruction == task
        assert foresight.t_done_ns <= t_now_ns
        self.asked.append((t_now_ns, joints.t_measured_ns, foresight.t_capture_ns))
        hand_m = joints.position_rad[:3]
        target_m = hand_m + np.clip(foresight.tokens[0] - hand_m, -LEAD_M, LEAD_M)
        return ActionChunk(
            sequence=next(self._sequence), t_capture_ns=foresight.t_capture_ns, t_state_ns=joints.t_measured_ns,
            t_first_ns=joints.t_measured_ns + 12_500_000, step_ns=25_000_000,
            foresight_age_ns=joints.t_measured_ns - foresight.t_capture_ns,
            position_rad=np.tile(np.append(target_m, 0.0), (16, 1)),
        )  # fmt: skip


def test_a_policy_gets_there_whatever_the_latencies(world: MetaworldWorld) -> None:
    for latencies, seed in itertools.product((PUNCTUAL, LATE), range(4)):
        outcome = play(world, Planner(world).brain(), latencies, "door-open", seed)
        assert outcome.success_s is not None
        assert outcome.success_s == pytest.approx(world.n_steps * 0.0125)


def test_late_is_as_late_as_it_is_said_to_be(world: MetaworldWorld) -> None:
    punctual = play(world, Planner(world).brain(), PUNCTUAL, "door-open", 1)
    assert min(punctual.foresight_age_ms) == 0.0
    assert max(punctual.foresight_age_ms) <= 50.0  # until the next frame
    late = play(world, Planner(world).brain(), LATE, "door-open", 1)
    assert min(late.foresight_age_ms) > 45.0 - 12.5  # joints are as old as the step that they were measured at
    assert max(late.foresight_age_ms) <= 45.0 + 50.0
    assert min(late.frame_age_ms) >= 47.0
    assert max(late.frame_age_ms) <= 47.0 + 50.0 + 25.0


def test_joints_are_those_of_the_step_before_and_frames_come_in_turn(world: MetaworldWorld) -> None:
    planner = Planner(world)
    play(world, planner.brain(), replace(LATE, action_ms=0.5), "drawer-close", 2)
    for t_now_ns, t_joints_ns, t_frame_ns in planner.asked:
        assert 0 <= t_now_ns - t_joints_ns < 12_500_000
        assert t_frame_ns <= t_now_ns - 45_000_000
    captured = [frame.t_capture_ns for frame in planner.frames]
    assert set(np.diff(captured)) == {50_000_000}
    assert planner.frames[0].rgb.shape == (192, 192, 3)
    assert planner.frames[0].t_arrival_ns - captured[0] == 5_000_000
    assert len(planner.frames) < len(planner.asked) <= 2 * len(planner.frames)  # 40 Hz and 20 Hz
    assert (FORESIGHT_HZ, ACTION_HZ) == (20.0, 40.0)


def test_a_foresight_slower_than_the_frames_takes_the_newest(world: MetaworldWorld) -> None:
    planner = Planner(world)
    play(world, planner.brain(), replace(LATE, foresight_ms=70.0), "drawer-close", 2)
    captured = [frame.t_capture_ns for frame in planner.frames]
    assert set(np.diff(captured)) == {50_000_000, 100_000_000}


def test_an_episode_is_the_same_each_time(world: MetaworldWorld) -> None:
    first, again = (play(world, Planner(world).brain(), LATE, "door-open", 5) for _ in range(2))
    other = play(world, Planner(world).brain(), LATE, "door-open", 6)
    assert first == again
    assert first.frame_age_ms != other.frame_age_ms  # loops start at other phases


def test_without_a_chunk_the_hand_stays(world: MetaworldWorld) -> None:
    outcome = play(world, Planner(world, acts=False).brain(), LATE, "door-open", 0)
    assert outcome.success_s is None
    assert outcome.frame_age_ms == []
    np.testing.assert_array_equal(world.joints[:3], [0.0, 0.6, 0.2])  # where it began
    assert world.is_over


def test_the_expert_is_never_late(world: MetaworldWorld) -> None:
    outcome = play_expert(world, Experts(), "door-open", 3)
    assert outcome.success_s is not None
    assert outcome.frame_age_ms == []


def test_the_mean_counts_every_task_the_same() -> None:
    outcomes = [Outcome(task="a", seed=seed, success_s=1.0 if seed < 3 else None) for seed in range(4)]
    outcomes += [Outcome(task="b", seed=0, success_s=1.0, frame_age_ms=[20.0, 40.0, 60.0])]
    assert summary(outcomes) == [
        "mean over 2 tasks: 87.5 %, 4/5, 95 % interval 38-96 %", "frame-to-target age: p50 40 ms, max 60 ms",
    ]  # fmt: skip


def test_a_policy_that_looks_back_sees_what_the_camera_showed_before(world: MetaworldWorld) -> None:
    planner = Planner(world)
    play(world, replace(planner.brain(), n_history=3, history_step_ms=100.0), LATE, "door-open", 1)
    first_ns = planner.frames[0].t_capture_ns
    assert len(planner.frames) > 5
    for frame in planner.frames:
        wanted_ns = [max(first_ns, frame.t_capture_ns - back_ns) for back_ns in (200_000_000, 100_000_000)]
        assert [one.t_capture_ns for one in frame.earlier] == wanted_ns
