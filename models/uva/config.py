"""The sizes of a UVA: `paper`, whose shapes are those of the published system, and `small`, which trains on two CPU cores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from interfaces.errors import ConfigError
from interfaces.toml_loader import require
from models.flow import Objective, TimeDistribution
from models.objectives import ObjectiveName, objective_of
from models.robot_side import RobotSide
from models.svam.config import SvamConfig

ModeName = Literal["policy", "video", "forward", "inverse", "full"]
ALL_MODES: tuple[ModeName, ...] = ("policy", "video", "forward", "inverse", "full")


@dataclass(frozen=True, slots=True, kw_only=True)
class UvaConfig(RobotSide):
    """What the policy sees and moves, and the size of each part, in the order in which data passes them."""

    # pictures
    video_px: int  # side of the square that the autoencoder sees
    autoencoder: Literal["small", "kl"]  # that of a finished S-VAM run, or the KL-f16 of latent diffusion
    latent_channels: int
    vae_channels: tuple[int, ...]
    n_frames: int  # of the future
    frame_step_ms: float  # between them

    # trunk
    patch: int  # side of a token, in places of the latents
    dim: int
    n_heads: int
    encoder_blocks: int
    decoder_blocks: int
    dropout_ratio: float = 0.1
    n_text_tokens: int
    text_dim: int
    text_dropout_ratio: float = 0.1

    # heads
    pool: int = 4  # side to which a frame's joint latent is pooled before it becomes actions
    head_dim: int
    head_blocks: int
    reader_blocks: int = 1  # that find each row's place among the tokens
    sees_joints: bool = True
    state_dropout_ratio: float = 0.3  # training samples that do not see the joints: state must not become a shortcut
    objective: ObjectiveName = "velocity"
    time_shift_ratio: float = 4.0  # "Let It Be Simple" decodes best in one step at 4
    time_base: Literal["uniform", "beta"] = "uniform"
    pure_noise_ratio: float = 0.0
    n_steps: int = 1  # of decoding
    video_time_shift_ratio: float = 4.0  # of the video head's flow
    video_pure_noise_ratio: float = 0.2

    # training
    video_loss: bool = True  # False: the control, in which no mode asks for a picture
    modes: tuple[ModeName, ...] = ALL_MODES  # one is drawn a batch; a mode that is named twice is drawn twice as often

    def __post_init__(self) -> None:
        """Check what would not fit together."""
        self._check_places()
        require(
            0 < self.n_history <= self.n_frames, "n_history", self.n_history,
            f"1..{self.n_frames}: an observed frame stands beside each future one",
        )  # fmt: skip
        strange = [mode for mode in self.modes if mode not in ALL_MODES]
        require(not strange, "modes", self.modes, f"some of {', '.join(ALL_MODES)}")
        require("policy" in self.modes, "modes", self.modes, "policy among them: it is what the robot runs")

    def _check_places(self) -> None:
        px, patch = self.latent_px, self.patch
        require(patch > 0 and px > 0 and px % patch == 0, "patch", patch, f"a divisor of {px}, the side of the latents")
        n_tokens = self.n_frames * self.n_places
        require(
            n_tokens % self.horizon == 0, "horizon", self.horizon,
            f"a divisor of {n_tokens}, the tokens of the future, over which actions are spread",
        )  # fmt: skip
        require(
            self.grid % self.pool == 0, "pool", self.pool, f"a divisor of {self.grid}, the side of a frame's tokens"
        )

    @classmethod
    def small(cls, *, joints: tuple[str, ...], instructions: tuple[str, ...], **changes: Any) -> UvaConfig:
        """Return the policy that trains and runs on two CPU cores: 4 frames of 64 px, 8 x 8 latents, 16 tokens each.

        Latents are cut into patches of 2 x 2, a size that MAR has, too: 256 tokens of one place each cost four times the time,
        1.4 s a step of 32 moments instead of 0.4 on one core.
        """
        config = cls(
            joints=joints, instructions=instructions,
            video_px=64, autoencoder="small", latent_channels=8, vae_channels=(32, 64, 128),
            n_frames=4, frame_step_ms=200.0,
            patch=2, dim=192, n_heads=6, encoder_blocks=4, decoder_blocks=4, dropout_ratio=0.05,
            n_text_tokens=4, text_dim=64, head_dim=192, head_blocks=3,
        )  # fmt: skip
        return replace(config, **changes)

    @classmethod
    def on(cls, trained: SvamConfig, **changes: Any) -> UvaConfig:
        """Return `small` for the robot and the autoencoder of a finished S-VAM run.

        Raises ConfigError where that run's video model is not the small one.
        """
        if trained.backbone != "transformer":
            raise ConfigError(
                "the finished run", "backbone", trained.backbone, "'transformer', whose autoencoder is small"
            )
        taken: dict[str, Any] = {
            "video_px": trained.video_px, "latent_channels": trained.latent_channels, "vae_channels": trained.vae_channels,
        }  # fmt: skip
        return cls.small(**(trained.robot() | taken | changes))

    @classmethod
    def paper(cls, *, joints: tuple[str, ...], instructions: tuple[str, ...], **changes: Any) -> UvaConfig:
        """Return the published sizes: MAR-base, 4 observed and 4 future frames of 256 px, 256 tokens each."""
        config = cls(
            joints=joints, instructions=instructions, n_history=4, history_step_ms=400.0,
            video_px=256, autoencoder="kl", latent_channels=16, vae_channels=(128, 128, 256, 256, 512),
            n_frames=4, frame_step_ms=400.0, step_ms=100.0, first_ms=100.0,
            patch=1, dim=768, n_heads=12, encoder_blocks=12, decoder_blocks=12,
            n_text_tokens=64, text_dim=512, head_dim=1024, head_blocks=6,
        )  # fmt: skip
        return replace(config, **changes)

    @property
    def latent_px(self) -> int:
        """Return the side of the latents: each width of the small autoencoder halves it, all but the first of the KL-f16's do."""
        return self.video_px >> (len(self.vae_channels) - (self.autoencoder == "kl"))

    @property
    def grid(self) -> int:
        """Return the side of a frame, in tokens."""
        return self.latent_px // self.patch

    @property
    def n_places(self) -> int:
        """Return how many tokens a frame has."""
        return self.grid**2

    @property
    def patch_dim(self) -> int:
        """Return how many numbers a token stands for."""
        return self.latent_channels * self.patch**2

    def action_objective(self) -> Objective:
        """Return how chunks are trained and drawn."""
        times = TimeDistribution(
            shift_ratio=self.time_shift_ratio, base=self.time_base, pure_noise_ratio=self.pure_noise_ratio
        )
        return objective_of(self.objective, times)
