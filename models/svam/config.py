"""The sizes of an S-VAM policy: `paper`, whose shapes are those of the published system, and `small`, which trains on two CPU cores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from models.flow import Objective, TimeDistribution
from models.objectives import ObjectiveName, objective_of
from models.one_step import Imle
from models.robot_side import RobotSide


@dataclass(frozen=True, slots=True, kw_only=True)
class SvamConfig(RobotSide):
    """The robot, and the size of each part, in the order in which data passes them."""

    # the video model
    video_px: int  # side of the square that it sees and generates
    n_frames: int
    frame_step_ms: float  # between generated frames
    backbone: Literal["svd", "transformer"] = "svd"
    latent_channels: int = 4
    unet_channels: tuple[int, ...]
    unet_heads: tuple[int, ...]
    unet_layers: int  # residual layers in each block
    vae_channels: tuple[int, ...]
    vae_layers: int
    latent_gain: float = 0.18215  # of latents before noise is added: what makes them unit-sized
    transformer_dim: int = 192
    transformer_heads: int = 3
    transformer_blocks: int = 8
    transformer_leave_dim: int = 96  # of the maps at the latents' own size
    video_time_shift_ratio: float = 2.0  # of the transformer's flow: more training near the noise
    video_pure_noise_ratio: float = 0.2  # of its training samples at the one level at which foresight asks
    n_text_tokens: int
    text_dim: int  # duplicated for the cross-attention
    goal_dim: int  # of the one vector per instruction that the action expert reads

    # anchors and decouplers
    anchor: Literal["conv", "vit"]
    anchor_px: int
    semantic_dim: int
    geometric_dim: int
    decoupler_dim: int
    decoupler_heads: int
    decoupler_blocks: int
    decoupler_dropout_ratio: float = 0.1

    # condenser
    queries_per_frame: int
    token_dim: int
    condenser_layers: int
    condenser_heads: int
    condenser_head_dim: int

    # action expert
    sees: Literal["foresight", "features", "frame"] = "foresight"  # all of it, VPP's part of it, or the present
    sees_joints: bool = True
    expert_heads: int
    encoder_blocks: int
    decoder_blocks: int
    expert_dropout_ratio: float = 0.1
    state_dropout_ratio: float = 0.3  # training samples that do not see the joints: state must not become a shortcut
    objective: ObjectiveName = "velocity"
    time_shift_ratio: float = 4.0  # of the velocity flow: "Let It Be Simple" decodes best in one step at 4
    time_base: Literal["uniform", "beta"] = "uniform"
    pure_noise_ratio: float = 0.0
    imle_candidates: int = 8  # of "imle", as of `Imle`
    imle_rejected_ratio: float = 0.01
    n_steps: int = 1  # of decoding

    @classmethod
    def small(cls, *, joints: tuple[str, ...], instructions: tuple[str, ...], **changes: Any) -> SvamConfig:
        """Return the policy that trains and runs on two CPU cores: 8 frames of 64 px, 8 x 8 latents, one grid of 8 x 8."""
        config = cls(
            joints=joints, instructions=instructions,
            video_px=64, n_frames=8, frame_step_ms=200.0,
            unet_channels=(64, 128, 192), unet_heads=(2, 4, 6), unet_layers=1,
            vae_channels=(32, 64, 64, 64), vae_layers=1,
            n_text_tokens=4, text_dim=64, goal_dim=64,
            anchor="conv", anchor_px=64, semantic_dim=64, geometric_dim=64,
            decoupler_dim=128, decoupler_heads=4, decoupler_blocks=2,
            queries_per_frame=4, token_dim=128, condenser_layers=2, condenser_heads=4, condenser_head_dim=32,
            expert_heads=4, encoder_blocks=2, decoder_blocks=3,
        )  # fmt: skip
        return replace(config, **changes)

    @classmethod
    def small_transformer(cls, *, joints: tuple[str, ...], instructions: tuple[str, ...], **changes: Any) -> SvamConfig:
        """Return `small` with the video model that a CPU trains best, and an autoencoder with twice the latent channels."""
        chosen: dict[str, Any] = {
            "backbone": "transformer", "latent_channels": 8, "vae_channels": (32, 64, 128), "frame_step_ms": 100.0,
        }  # fmt: skip
        return cls.small(joints=joints, instructions=instructions, **(chosen | changes))

    @classmethod
    def paper(cls, *, joints: tuple[str, ...], instructions: tuple[str, ...], **changes: Any) -> SvamConfig:
        """Return the published sizes: Stable Video Diffusion, 16 frames of 256 px, 32 x 32 latents, 2560 channels at 16 x 16."""
        config = cls(
            joints=joints, instructions=instructions, horizon=10,
            video_px=256, n_frames=16, frame_step_ms=100.0,
            unet_channels=(320, 640, 1280, 1280), unet_heads=(5, 10, 20, 20), unet_layers=2,
            vae_channels=(128, 256, 512, 512), vae_layers=2,
            n_text_tokens=20, text_dim=512, goal_dim=512,
            anchor="vit", anchor_px=224, semantic_dim=768, geometric_dim=2048,
            decoupler_dim=1024, decoupler_heads=8, decoupler_blocks=4,
            queries_per_frame=14, token_dim=384, condenser_layers=6, condenser_heads=8, condenser_head_dim=64,
            expert_heads=8, encoder_blocks=4, decoder_blocks=4,
        )  # fmt: skip
        return replace(config, **changes)

    @property
    def latent_px(self) -> int:
        """Return the side of the latents: each block of SVD's autoencoder but the last halves it, each of the small one's does."""
        return self.video_px >> (len(self.vae_channels) - (self.backbone == "svd"))

    @property
    def grid(self) -> int:
        """Return the side of the grid of features: up-block 1 ends one halving below where the UNet's up-blocks end."""
        if self.backbone == "transformer":
            return self.latent_px
        return self.latent_px >> max(len(self.unet_channels) - 3, 0)

    @property
    def feature_dim(self) -> int:
        """Return the channels of the tapped features: up-blocks 0 and 1, or the transformer's two taps."""
        if self.backbone == "transformer":
            return self.transformer_dim + self.transformer_leave_dim
        return self.unet_channels[-1] + self.unet_channels[-2]

    @property
    def seen_dim(self) -> int:
        """Return the channels of what the action expert is shown at each place of each frame."""
        if self.sees == "features":
            return self.feature_dim
        video_dim = self.feature_dim if self.sees == "foresight" else self.latent_channels
        return video_dim + self.semantic_dim + self.geometric_dim

    @property
    def n_tokens(self) -> int:
        """Return how many tokens a foresight has: the goal and the condensed future."""
        return 1 + self.n_frames * self.queries_per_frame

    def action_objective(self) -> Objective:
        """Return how chunks are trained and drawn."""
        times = TimeDistribution(
            shift_ratio=self.time_shift_ratio, base=self.time_base, pure_noise_ratio=self.pure_noise_ratio
        )
        imle = Imle(candidates=self.imle_candidates, rejected_ratio=self.imle_rejected_ratio)
        return objective_of(self.objective, times, imle)
