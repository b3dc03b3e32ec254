"""The three kinds of futures that students may learn from: whose pictures they are, and what the teachers are shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from distill.svam.autoencoder_stage import as_input
from distill.svam.clips import read_pictures, read_shard
from distill.svam.recipe import TargetKind
from distill.svam.self_distillation import OWN_NOISE, noise_of, other_noise_seeds
from distill.svam.targets import Futures, targets_file
from models.svam.flow_video_model import FlowVideoModel
from models.svam.policy import SvamPolicy
from tests.distill.svam.arms.random_run import random_run


@pytest.fixture(scope="module")
def futures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Futures, list[Path]]:
    """The futures of a random run's records, and their files."""
    finished = random_run(tmp_path_factory.mktemp("run"))
    policy = SvamPolicy(finished.recipe.config()).eval().requires_grad_(requires_grad=False)
    finished.give_video(policy)
    made = Futures(
        recipe=finished.recipe, policy=policy, pictures=read_pictures(finished.shards, len(finished.index)),
        latents=np.load(finished.folder / "latents.npy"), index=finished.index, compute=finished.compute,
    )  # fmt: skip
    return made, finished.records


def decoded(futures: Futures, latents: torch.Tensor) -> torch.Tensor:
    video = futures.policy.video
    assert isinstance(video, FlowVideoModel)
    return video.decode_video(latents).clamp(-1.0, 1.0)


def test_recorded_futures_are_the_pictures_that_followed(futures: tuple[Futures, list[Path]]) -> None:
    made, files = futures
    clip = read_shard(files[0], "clip")
    assert clip.tolist() == [7, 19]
    following = as_input(torch.from_numpy(made.pictures[[8, 9, 20, 21]]), torch.device("cpu"))
    torch.testing.assert_close(made.of("recorded", 0, files[0]).flatten(0, 1), following)


def test_generated_futures_are_the_records_own_videos(futures: tuple[Futures, list[Path]]) -> None:
    made, files = futures
    own = torch.from_numpy(read_shard(files[0], "latents")).float()
    torch.testing.assert_close(made.of("generated", 0, files[0]), decoded(made, own))


def test_independent_futures_are_of_the_same_clip_from_a_noise_that_no_record_has(
    futures: tuple[Futures, list[Path]],
) -> None:
    made, files = futures
    seeds = other_noise_seeds(made.recipe.self_distillation)
    assert len(set(seeds.tolist()) | {OWN_NOISE}) == 4  # three records
    for number, chosen in ((0, slice(0, 2)), (1, slice(2, 3))):
        clip, task = (torch.from_numpy(read_shard(files[number], key)) for key in ("clip", "task"))
        frame = torch.from_numpy(made.latents[clip.numpy()]).float()
        text = made.policy.text_table[task]
        video = made.policy.video.sample(noise_of(made.policy, seeds[chosen]), frame, text, 2)
        told = made.of("independent", number, files[number])
        torch.testing.assert_close(told, decoded(made, video))
        same_noise = made.policy.video.sample(noise_of(made.policy, np.zeros(len(clip), np.int64)), frame, text, 2)
        assert (told - decoded(made, same_noise)).abs().mean() > 0.01


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("generated", "targets-00003.npz"),
        ("recorded", "targets-recorded-00003.npz"),
        ("independent", "targets-independent-00003.npz"),
    ],
)
def test_kinds_lie_beside_each_other(kind: TargetKind, name: str) -> None:
    assert targets_file(Path("foreseen/records-00003.npz"), kind) == Path("foreseen") / name
