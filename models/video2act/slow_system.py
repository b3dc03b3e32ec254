"""The slow system: the frozen video model's view of a clip, split into a spatial and a motion stream, as tokens.

             n_history 1: the clip that is foreseen from the current frame        n_history T: the clip that was seen
                          (noise, asked at the noise's end)                                    (latents, asked at the clean end)
    after    clip --> two thirds of the video model --> patches --+-- one frame --> boundary --> spatial former --+--> tokens
                                                                  +-- all frames -> band-pass -> motion former ---+
    before   clip --+-- current frame --> boundary --> two thirds of the video model --> spatial former --+--> tokens
                    +-- all frames -----> band-pass -> two thirds of the video model --> motion former ---+

The published pipeline draws the filters behind the video model, the released code has them before it; which of them is right is a
question for a study, so both are here. In the release the video model looks at a *past* clip of 61 pictures, noise-free (timestep 0): it
foresees nothing. The small default is the foreseen clip and filters behind the video model, because of what this repository's video model
is: trained to foresee, from one frame and pure noise in a fifth of its training; shown filtered latents, never. And one picture is
all that the robot then has to keep. With n_history T the clip is the past one, as in the release. The oldest frame stands in the place
of the frame that the video model reads beside the clip, filtered like the clip, so that nothing gets around the filters.

The spatial stream is of one frame: the one nearest to now, which is the first that is foreseen or the last that was seen.

Sources: arXiv 2512.03044, its pipeline figure, and jiayueru/Video2Act 19e610a.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.frozen_video import FrozenVideo
from models.video2act.config import Video2ActConfig
from models.video2act.filters import Boundary, Motion, band_pass, difference


class Former(nn.Module):
    """Features (B, n, dim) -> tokens (B, n, token_dim), with their places: the release's LayerNorm and two-layer adaptor."""

    def __init__(self, dim: int, token_dim: int, n_tokens: int) -> None:
        super().__init__()
        self.adapt = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, token_dim), nn.GELU(approximate="tanh"), nn.Linear(token_dim, token_dim)
        )
        # The release adds places inside the head; they do not depend on anything fast.
        self.position = nn.Parameter(0.02 * torch.randn(n_tokens, token_dim))

    @override
    def forward(self, features: Tensor) -> Tensor:
        return self.adapt(features) + self.position


class SlowSystem(nn.Module):
    """Latents of what was seen, and text -> tokens (B, n_tokens, token_dim): the text's, the spatial and the motion stream's."""

    def __init__(self, config: Video2ActConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.token_dim
        self.text_former = Former(config.text_dim, dim, config.n_text_tokens)
        if config.n_spatial_tokens:
            self.spatial_former = Former(config.transformer_dim, dim, config.n_spatial_tokens)
        if config.n_motion_tokens:
            self.motion_former = Former(config.transformer_dim, dim, config.n_motion_tokens)
        self.boundary, self.motion = filters_of(config)

    @override
    def forward(self, video: FrozenVideo, frames: Tensor, text: Tensor) -> Tensor:
        """Take latents (B, n_history, c, g, g) and texts (B, n_text_tokens, text_dim)."""
        spatial, motion = (self._before if self.config.filters == "before" else self._after)(video, frames, text)
        tokens = [self.text_former(text)]
        if self.config.n_spatial_tokens:
            tokens.append(self.spatial_former(spatial.flatten(1, 2)))
        if self.config.n_motion_tokens:
            tokens.append(self.motion_former(motion.flatten(1, 2)))
        return torch.cat(tokens, dim=1)

    def _after(self, video: FrozenVideo, frames: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Return the streams' features, (B, 1, S, dim) and (B, T, S, dim)."""
        if self.config.n_history == 1:
            noise = video.initial_noise.expand(len(frames), -1, -1, -1, -1)
            patches, now = _patches(video, noise, frames[:, -1], text, 0.0), slice(0, 1)
        else:
            patches, now = _patches(video, frames, frames[:, 0], text, 1.0), slice(-1, None)
        rows = self.config.patches[0]
        one = patches[:, now].transpose(2, 3)  # (B, 1, dim, S)
        maps = one.reshape(*one.shape[:3], rows, -1)
        return self.boundary(maps).flatten(3).transpose(2, 3), self.motion(patches)

    def _before(self, video: FrozenVideo, frames: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        spatial, motion = self.boundary(frames[:, -1:]), self.motion(frames)
        return (
            _patches(video, spatial, spatial[:, 0], text, 1.0) if self.config.n_spatial_tokens else spatial,
            _patches(video, motion, motion[:, 0], text, 1.0) if self.config.n_motion_tokens else motion,
        )


def filters_of(config: Video2ActConfig) -> tuple[nn.Module, nn.Module]:
    """Return the boundary filter for maps (..., h, w), patches or latents, and the motion filter for clips (B, T, ...)."""
    if config.conditions == "raw":
        return nn.Identity(), nn.Identity()
    if config.filters == "after":
        rows, columns = config.patches
    else:
        height, width = config.spatial_height_px or config.video_px, config.spatial_width_px or config.video_px
        rows, columns = height >> len(config.vae_channels), width >> len(config.vae_channels)
    by_band = config.motion == "band-pass"
    weights = band_pass(config.passed(), config.n_frames) if by_band else difference(config.n_frames)
    return Boundary(config.boundary, rows, columns), Motion(weights)


def _patches(video: FrozenVideo, clip: Tensor, frame: Tensor, text: Tensor, level: float) -> Tensor:
    """Return the patches (B, T, S, dim) at the tap; the video model's level is 0 at the noise, 1 where the clip is clean."""
    levels = torch.full((len(clip),), level, dtype=clip.dtype, device=clip.device)
    return video.model.transformer.patches(clip, levels, frame, text)
