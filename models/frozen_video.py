"""The video model of a finished run, as the families that stand on it use it: as it is, and never changed.

`VideoSide` is what a family's config needs to know of it, `FrozenVideo` the networks. What belongs to a video model besides its
weights is the noise that its one-step features begin with, and the table of texts: with others it would foresee nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from typing_extensions import Self

from interfaces.errors import ConfigError
from models.picture import SquareResize
from models.robot_side import RobotSide
from models.svam.config import SvamConfig
from models.svam.flow_video_model import FlowVideoModel

if TYPE_CHECKING:
    from models.svam.policy import SvamPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSide(RobotSide):
    """The robot, and the small video model beside which a family learns; fields and defaults as of `SvamConfig.small_transformer`."""

    video_px: int = 64
    n_frames: int = 8
    frame_step_ms: float = 100.0
    latent_channels: int = 8
    vae_channels: tuple[int, ...] = (32, 64, 128)
    transformer_dim: int = 192
    transformer_heads: int = 3
    transformer_blocks: int = 8
    transformer_leave_dim: int = 96
    video_time_shift_ratio: float = 2.0
    video_pure_noise_ratio: float = 0.2
    n_text_tokens: int = 4
    text_dim: int = 64

    @classmethod
    def on(cls, trained: SvamConfig, **changes: Any) -> Self:
        """Return a config for the robot and the video model of a trained policy; `changes` are the family's own sizes.

        Raises ConfigError when that video model is another one than the small transformer.
        """
        if trained.backbone != "transformer":
            raise ConfigError("the trained policy", "backbone", trained.backbone, "transformer")
        return cls(**({field.name: getattr(trained, field.name) for field in fields(VideoSide)} | changes))

    @property
    def latent_px(self) -> int:
        """Return the side of the latents."""
        return self.video_px >> len(self.vae_channels)

    def svam(self) -> SvamConfig:
        """Return the config that the video model is built from."""
        return SvamConfig.small_transformer(**{field.name: getattr(self, field.name) for field in fields(VideoSide)})


class FrozenVideo(nn.Module):
    """Autoencoder, transformer, noise and texts of a video model that is trained elsewhere. Nothing here requires gradients."""

    initial_noise: Tensor  # (T, c, g, g), what one-step features begin with
    text_table: Tensor  # (n_instructions, n_text_tokens, text_dim)

    def __init__(self, config: VideoSide) -> None:
        """Build it untrained; `adopt` makes it the one of a run."""
        super().__init__()
        self.config = config
        self.model = FlowVideoModel(config.svam()).requires_grad_(requires_grad=False)
        self.resize = SquareResize(config.crop_px, config.video_px)
        draw, side = torch.Generator().manual_seed(0), config.latent_px
        noise = torch.randn(config.n_frames, config.latent_channels, side, side, generator=draw)
        texts = torch.randn(config.n_instructions, config.n_text_tokens, config.text_dim, generator=draw)
        self.register_buffer("initial_noise", noise)
        self.register_buffer("text_table", texts)

    def adopt(self, trained: SvamPolicy) -> None:
        """Take over all of a trained policy's video model. Raises ConfigError, naming the size, where it is not of these sizes."""
        for field in fields(VideoSide):
            wanted, told = getattr(self.config, field.name), getattr(trained.config, field.name)
            if field.name not in _NOT_OF_THE_VIDEO and wanted != told:
                raise ConfigError("the trained policy", field.name, told, f"{wanted}, as in the config of the family")
        self.model.load_state_dict(trained.video.state_dict())
        self.initial_noise.copy_(trained.initial_noise)
        self.text_table.copy_(trained.text_table)

    def encode(self, rgb: Tensor) -> Tensor:
        """Return the latents (B, n, c, g, g) of pictures (B, n, H, W, 3) of 0..255, or (B, H, W, 3), where n is 1."""
        pictures = rgb.flatten(0, 1) if rgb.ndim == 5 else rgb
        latents = self.model.encode_frame(2.0 * self.resize(pictures) - 1.0)
        return latents.view(len(rgb), -1, *latents.shape[1:])

    def text(self, instruction: Tensor) -> Tensor:
        """Return the texts (B, n_text_tokens, text_dim) of one-hot instructions (B, n)."""
        return (instruction @ self.text_table.flatten(1)).view(len(instruction), *self.text_table.shape[1:])


# What a family may have otherwise than the policy whose video model it takes: how it acts, and how much of the past it is shown.
_NOT_OF_THE_VIDEO = {
    "horizon", "step_ms", "first_ms", "foresight_age_max_ms", "n_history", "history_step_ms",
    "video_time_shift_ratio", "video_pure_noise_ratio",
}  # fmt: skip
