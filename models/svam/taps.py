"""What the video model's UNet has in its first two up-blocks, and nothing after them.

The released code of S-VAM taps up-block 0 (after its upsampler) and up-block 1 and drops the rest of the UNet; the paper says
"multi-layer features from the up-sampling blocks" and names none. It resizes by nearest neighbour where the paper says linear:
the code's choice is taken, because the checkpoints were made with it. Source: S-VAM (arXiv 2603.16195) and its released code,
`policy_models/module/diffusion_extract.py`.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from diffusers import UNetSpatioTemporalConditionModel
from torch import Tensor, nn

N_TAPS = 2  # up-blocks


def tapped_features(
    unet: UNetSpatioTemporalConditionModel, sample: Tensor, level: Tensor, text: Tensor, time_ids: Tensor
) -> Tensor:
    """Return the up-blocks' features (B, T, channels, grid, grid), all resized to the finest of them.

    Takes what the UNet itself takes: sample (B, T, 8, g, g), level (B,), text (B, L, cross), time_ids (B, 3).
    Only these parts of the UNet run, so only they are exported.
    """
    batch, n_frames = sample.shape[:2]
    embedded = _embedded(unet, level, time_ids, sample.dtype).repeat_interleave(n_frames, dim=0)  # (B * T, D)
    told = text.repeat_interleave(n_frames, dim=0)  # (B * T, L, cross)
    still = sample.new_zeros(batch, n_frames)  # "this is a single picture": no
    x = unet.conv_in(sample.flatten(0, 1))  # (B * T, C, g, g)
    skips: tuple[Tensor, ...] = (x,)
    for block in unet.down_blocks:
        x, found = block(hidden_states=x, temb=embedded, image_only_indicator=still, **_told(block, told))
        skips += found
    x = unet.mid_block(hidden_states=x, temb=embedded, encoder_hidden_states=told, image_only_indicator=still)
    taps: list[Tensor] = []
    for block in list(unet.up_blocks)[:N_TAPS]:
        n_skips = len(cast("nn.ModuleList", block.resnets))
        used, skips = skips[-n_skips:], skips[:-n_skips]
        x = block(
            hidden_states=x, temb=embedded, res_hidden_states_tuple=used, image_only_indicator=still,
            **_told(block, told),
        )  # fmt: skip
        taps.append(x)
    finest = taps[-1].shape[-2:]
    resized = [F.interpolate(tap, size=finest, mode="nearest") for tap in taps[:-1]]
    features = torch.cat([*resized, taps[-1]], dim=1)  # (B * T, channels, grid, grid)
    return features.view(batch, n_frames, *features.shape[1:])


def _embedded(unet: UNetSpatioTemporalConditionModel, level: Tensor, time_ids: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the embedding (B, D) of noise level and micro-conditioning; its sines are taken in float32."""
    noise = unet.time_embedding(unet.time_proj(level).to(dtype))
    micro = unet.add_time_proj(time_ids.flatten()).view(len(time_ids), -1)  # (B, 3 * D')
    return noise + unet.add_embedding(micro.to(dtype))


def _told(block: nn.Module, text: Tensor) -> dict[str, Tensor]:
    return {"encoder_hidden_states": text} if getattr(block, "has_cross_attention", False) else {}
