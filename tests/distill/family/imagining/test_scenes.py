"""Scenes: what a moment holds lies where its time says, in its own episode; and another episode's stands beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distill.family.imagining.scenes import Scene, Witness, others, together
from interfaces.errors import RefusedError
from tests.distill.family.imagining.fake_episodes import N_STEPS, PHASE, FakeRecorder, joints_at, tiny_policy, walked_px


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> FakeRecorder:
    torch.set_num_threads(1)
    fake = FakeRecorder()
    monkeypatch.setattr("distill.family.imagining.scenes.open_recorder", lambda *_told: fake)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    return fake


def test_a_scene_is_of_its_instant(recorder: FakeRecorder) -> None:
    policy = tiny_policy()
    witness = Witness(policy)
    assert witness.tasks == ("reach", "push")
    scenes = witness.scenes("push", 1)
    assert (recorder.plans[0].picture_every, recorder.plans[0].noisy) == (20, False)
    assert [round(100 * scene.instant_s) for scene in scenes] == list(range(PHASE, N_STEPS + 40 - 40, 20))
    scene, step = scenes[2], PHASE + 40
    moment = scene.moment
    assert (scene.task, scene.seed, moment.task.tolist()) == ("push", 1, [2])
    assert float(moment.age_s) == pytest.approx(0.05)
    np.testing.assert_allclose(moment.joints_rad[0], joints_at(1, step + 5), rtol=1e-6)
    rows = np.stack([joints_at(1, step + 5 + 5 + 5 * row) + 1.0 for row in range(4)])
    np.testing.assert_allclose(moment.target_rad[0], rows, rtol=1e-6)
    # The square walks on, from now to the first frame and to the second.
    edges = [int((picture[0].amax(0) > 0.2).nonzero()[0]) for picture in (scene.now, *scene.future)]
    assert edges == pytest.approx([64 * walked_px(at) / 240 for at in (step, step + 20, step + 40)], abs=1.5)
    torch.testing.assert_close(moment.frames[:, -1], policy.autoencoder.encode(scene.now[None]))
    torch.testing.assert_close(moment.future[0], policy.autoencoder.encode(scene.future))


def test_a_history_is_as_long_ago_as_the_policy_says_and_begins_with_the_episode(recorder: FakeRecorder) -> None:
    scenes = Witness(tiny_policy(n_history=2, history_step_ms=100.0)).scenes("reach", 0)
    assert recorder.plans[0].picture_every == 10  # what both 100 and 200 ms are made of
    first, later = scenes[0].moment, scenes[3].moment
    torch.testing.assert_close(first.frames[:, 0], first.frames[:, 1])
    torch.testing.assert_close(later.frames[:, 0], scenes[2].moment.frames[:, 1])


def test_actions_after_an_episodes_end_are_its_last(recorder: FakeRecorder) -> None:
    del recorder
    last = Witness(tiny_policy(horizon=16, step_ms=100.0)).scenes("reach", 0)[-1].moment
    np.testing.assert_allclose(last.target_rad[0, -1], joints_at(0, N_STEPS - 1) + 1.0, rtol=1e-6)


def test_others_are_of_another_episode_of_the_task_about_as_far_on(recorder: FakeRecorder) -> None:
    del recorder
    witness = Witness(tiny_policy())
    scenes = [scene for task in witness.tasks for seed in (0, 2) for scene in witness.scenes(task, seed)]
    beside = others(scenes)
    assert len(beside) == len(scenes)
    length = {
        (seed): len([scene for scene in scenes if (scene.task, scene.seed) == ("reach", seed)]) for seed in (0, 2)
    }

    def share(scene: Scene) -> float:
        return (scene.instant_s - PHASE / 100) / 0.2 / length[scene.seed]

    for scene, other in zip(scenes, beside, strict=True):
        assert (other.task, other.seed) == (scene.task, 2 - scene.seed)
        assert share(other) == pytest.approx(share(scene), abs=0.13)
    assert together(scenes[:3]).future.shape == (3, 2, 4, 8, 8)


def test_an_episode_without_a_future_is_refused(recorder: FakeRecorder) -> None:
    del recorder
    with pytest.raises(RefusedError, match="push, seed 0: the episode has 2 frames; expected more than 2"):
        Witness(tiny_policy(frame_step_ms=1500.0)).scenes("push", 0)
