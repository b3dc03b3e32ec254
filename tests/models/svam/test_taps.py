"""The taps are what the whole UNet has at these places, as diffusers computes it, and need nothing after them."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn

from models.svam.taps import tapped_features
from models.svam.video_model import VideoModel


def arguments(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    sample = torch.randn(2, 3, 8, 8, 8, generator=draw)
    return (
        sample,
        torch.tensor([1.6, 0.3]),
        torch.randn(2, 2, 16, generator=draw),
        torch.tensor([[4.0, 127.0, 0.0]] * 2),
    )


def test_taps_are_the_whole_unets_own(video: VideoModel) -> None:
    sample, level, text, time_ids = arguments()
    seen: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        seen.append(output)

    handles = [block.register_forward_hook(keep) for block in list(video.unet.up_blocks)[:2]]
    try:
        with torch.no_grad():
            video.unet(sample, level, text, added_time_ids=time_ids)
    finally:
        for handle in handles:
            handle.remove()
    coarse, fine = seen
    assert coarse.shape[-1] * 2 == fine.shape[-1]
    wanted = torch.cat([F.interpolate(coarse, scale_factor=2.0, mode="nearest"), fine], dim=1)
    with torch.no_grad():
        got = tapped_features(video.unet, sample, level, text, time_ids)
    torch.testing.assert_close(got.flatten(0, 1), wanted, atol=1e-5, rtol=1e-5)


def test_a_cut_model_has_the_same_features(video: VideoModel) -> None:
    cut = copy.deepcopy(video)
    cut.cut()
    assert len(cut.unet.up_blocks) == 2
    with torch.no_grad():
        torch.testing.assert_close(
            tapped_features(cut.unet, *arguments()), tapped_features(video.unet, *arguments()), atol=0, rtol=0
        )
