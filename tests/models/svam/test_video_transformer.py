"""The transformer cut at a depth: the same patches as at the coarse tap, nothing behind them computed, and shorter clips."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor

from models.svam.config import SvamConfig
from models.svam.video_transformer import VideoTransformer

CONFIG = SvamConfig.small_transformer(
    joints=("a",), instructions=("reach",), video_px=32, n_frames=3, vae_channels=(8, 16), latent_channels=4,
    n_text_tokens=2, text_dim=8, transformer_dim=24, transformer_heads=2, transformer_blocks=3, transformer_leave_dim=16,
)  # fmt: skip


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


NOISY, LEVEL, FRAME, TEXT = (
    drawn(2, 3, 4, 8, 8),
    torch.full((2,), 0.3),
    drawn(2, 4, 8, 8, seed=1),
    drawn(2, 2, 8, seed=2),
)


@pytest.fixture
def transformer() -> VideoTransformer:
    torch.manual_seed(0)
    transformer = VideoTransformer(CONFIG).eval()
    torch.nn.init.normal_(transformer.modulate.weight, std=0.2)  # untrained gates are shut
    return transformer


@torch.no_grad()
def test_patches_are_those_of_the_coarse_tap(transformer: VideoTransformer) -> None:
    patches = transformer.patches(NOISY, LEVEL, FRAME, TEXT)
    assert patches.shape == (2, 3, 16, 24)
    coarse = transformer.features(NOISY, LEVEL, FRAME, TEXT)[:, :, :24, ::2, ::2]  # (B, T, dim, 4, 4)
    torch.testing.assert_close(patches, coarse.flatten(3).transpose(2, 3))
    assert transformer.tap_after == 2


@torch.no_grad()
def test_nothing_behind_the_patches_is_computed(transformer: VideoTransformer) -> None:
    ran: list[int] = []

    def note(index: int) -> Callable[..., None]:
        def hook(*_: object) -> None:
            ran.append(index)

        return hook

    for index, block in enumerate(transformer.blocks):
        block.register_forward_hook(note(index))
    transformer.rise.register_forward_hook(note(99))
    transformer.patches(NOISY, LEVEL, FRAME, TEXT)
    transformer.patches(NOISY, LEVEL, FRAME, TEXT, n_blocks=1)
    assert ran == [0, 1, 0]


@torch.no_grad()
def test_a_shorter_clip_takes_the_first_places(transformer: VideoTransformer) -> None:
    """With no block in between a frame does not know of the others: a clip of one is the first frame of the whole."""
    whole = transformer.patches(NOISY, LEVEL, FRAME, TEXT, n_blocks=0)
    one = transformer.patches(NOISY[:, :1], LEVEL, FRAME, TEXT, n_blocks=0)
    torch.testing.assert_close(one, whole[:, :1])
    assert float((F.layer_norm(one, (24,)) - one).abs().max()) < 1e-3  # normalised already
