"""The controls: their tokens come from a bank and not from the picture, which only says which row; and they export."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from distill.svam.arms.controls import TokenBank, shuffled, zeroed
from distill.svam.arms.finished_run import FinishedRun
from distill.svam.clips import read_shard
from export.onnx_graphs import Graph, export_graph
from models.graphs import ForesightGraph
from models.svam.policy import SvamPolicy
from tests.distill.svam.arms.random_run import random_run

REACH, PUSH = torch.eye(2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return random_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def policy(finished: FinishedRun) -> SvamPolicy:
    torch.manual_seed(1)
    made = SvamPolicy(finished.recipe.config()).eval().requires_grad_(requires_grad=False)
    finished.give_video(made)
    return made


def pictures(n: int) -> torch.Tensor:
    return torch.randint(0, 256, (n, 240, 424, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_a_zeroed_foresight_is_the_same_for_all_pictures_and_another_for_each_task(policy: SvamPolicy) -> None:
    control, (one, other) = zeroed(policy), pictures(2)
    nothing = torch.zeros(1, policy.config.n_frames, policy.config.grid**2, policy.config.seen_dim)
    expected = policy.encoder(policy.condenser(nothing), REACH[None] @ policy.goal_table)[0]
    torch.testing.assert_close(control(one, REACH), expected)
    torch.testing.assert_close(control(other, REACH), expected)
    assert (control(one, PUSH) - expected).abs().max() > 1e-3


def test_a_shuffled_foresight_is_of_other_scenes_of_the_task(policy: SvamPolicy, finished: FinishedRun) -> None:
    control = shuffled(policy, finished, n_scenes=3)
    assert control.bank.shape[:2] == (2, 3)
    own = ForesightGraph(policy)
    for task, instruction in enumerate((REACH, PUSH)):
        drawn = [control(picture, instruction) for picture in pictures(12)]
        rows = {
            int((control.bank[task] - tokens).abs().amax((1, 2)).argmin())
            for tokens in drawn
            if (control.bank[task] - tokens).abs().amax((1, 2)).min() < 1e-6
        }
        assert rows == {0, 1, 2}  # every picture gives a row of its task's, and all rows come
        again = [control(picture, instruction) for picture in pictures(12)]
        assert all(torch.equal(one, two) for one, two in zip(drawn, again, strict=True))
        assert (drawn[0] - own(pictures(1)[0], instruction)).abs().max() > 1e-4


def test_the_bank_holds_what_the_policy_foresees_in_held_out_pictures(
    policy: SvamPolicy, finished: FinishedRun
) -> None:
    """The bank's pictures are already of the video's size; a camera's square of the same pixels gives the same tokens."""
    control = shuffled(policy, finished, n_scenes=2)
    of_first_episode = read_shard(finished.shards[0], "pictures")[0]  # which is held out
    first = torch.from_numpy(of_first_episode).float().permute(2, 0, 1)[None] / 255.0
    normal = (first - policy.picture_mean) / policy.picture_std
    seen = policy.seen(2.0 * first - 1.0, normal, policy.text(REACH[None]))
    tokens = policy.encoder(policy.condenser(seen), REACH[None] @ policy.goal_table)[0]
    torch.testing.assert_close(control.bank[0, 0], tokens, atol=1e-5, rtol=1e-4)


def test_a_control_exports_as_it_is(tmp_path: Path) -> None:
    torch.manual_seed(0)
    graph = Graph(
        name="foresight", network=TokenBank(torch.randn(2, 3, 4, 5)), inputs=("front", "instruction"), output="tokens"
    )
    samples = {"front": pictures(4)[:, :8, :8].numpy(), "instruction": torch.eye(2)[[0, 1, 0, 1]].numpy()}
    told = export_graph(graph, samples, tmp_path / "foresight.onnx")  # raises where ONNX Runtime says something else
    assert told.shape == (4, 4, 5)
