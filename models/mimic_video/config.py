"""The sizes of a mimic-video policy: `paper`, whose shapes are those of the published system, and `small`, beside the small video flow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from interfaces.toml_loader import require
from models.flow import Objective, TimeDistribution
from models.frozen_video import VideoSide
from models.objectives import ObjectiveName, objective_of

_HISTORY_STRIDE = 4  # frames in one of Cosmos' latent frames, but for the first, which is one frame
_PLACE_PX, _PATCH = 8, 2  # Cosmos: pixels a latent place, places a patch


@dataclass(frozen=True, slots=True, kw_only=True)
class MimicVideoConfig(VideoSide):
    """The robot, the frozen video model, where it is stopped, and the action decoder.

    Video times are the paper's where a name says `tau_v`: 1 is pure noise, 0 the finished video. The flow itself runs the other
    way here, from t = 0 (noise) to t = 1 (data), as in models/flow.py: t = 1 - tau_v. Nothing else converts.
    """

    backbone: Literal["transformer", "cosmos"] = "transformer"
    modulation_dim: int = 0  # Cosmos' own bottleneck (its AdaLN-LoRA); the small transformer has none

    # where the video model is stopped, in use
    read_after: int = 6  # blocks: the paper's 20 of 28
    tau_v_ratio: float = 1.0
    video_steps: int = 1  # Euler steps from noise to there; none are taken at 1

    # where it is stopped, in training
    own_noise_ratio: float = 0.75  # of the samples, whose future is noised by the policy's constant noise, as in use
    pure_video_noise_ratio: float = 0.4  # of the samples at tau_v 1 exactly

    # the action decoder
    decoder_dim: int = 128
    decoder_heads: int = 4
    decoder_blocks: int = 4
    decoder_modulation_dim: int = 32  # its AdaLN-LoRA's bottleneck
    state_dropout_ratio: float = 0.3  # training samples that do not see the joints: state must not become a shortcut
    objective: ObjectiveName = "velocity"
    time_shift_ratio: float = 4.0  # of the velocity flow: "Let It Be Simple" decodes best in one step at 4
    time_base: Literal["uniform", "beta"] = "uniform"
    pure_noise_ratio: float = 0.0
    n_steps: int = 1  # of decoding

    def __post_init__(self) -> None:
        """Check what no network could be built from, or could not be stopped at."""
        tau_v = self.tau_v_ratio
        require(0.0 <= tau_v <= 1.0, "tau_v_ratio", tau_v, "0 (the finished video) .. 1 (pure noise)")
        require(self.video_steps > 0, "video_steps", self.video_steps, "1 or more")
        blocks = self.transformer_blocks
        require(0 < self.read_after <= blocks, "read_after", self.read_after, f"1..{blocks}, the video model's blocks")
        for key in ("own_noise_ratio", "pure_video_noise_ratio", "state_dropout_ratio", "pure_noise_ratio"):
            require(0.0 <= getattr(self, key) <= 1.0, key, getattr(self, key), "0..1")
        require(self.n_steps > 0, "n_steps", self.n_steps, "1 or more")
        fits = self.decoder_dim % (2 * self.decoder_heads) == 0
        require(fits, "decoder_dim", self.decoder_dim, f"a multiple of {2 * self.decoder_heads}, twice the heads")
        one = self.backbone == "cosmos" or self.n_history == 1
        require(one, "n_history", self.n_history, "1: the small video model was trained on one frame")

    @classmethod
    def small(cls, *, joints: tuple[str, ...], instructions: tuple[str, ...], **changes: Any) -> MimicVideoConfig:
        """Return the policy that stands on `SvamConfig.small_transformer`'s video model and runs on one CPU core."""
        return cls(joints=joints, instructions=instructions, **changes)

    @classmethod
    def paper(cls, *, joints: tuple[str, ...], instructions: tuple[str, ...], **changes: Any) -> MimicVideoConfig:
        """Return the published sizes: Cosmos-Predict2-2B, 5 whole frames of 480 x 640 and 56 that follow, 19,200 tokens of 2048.

        The action decoder is Bridge's: 15 rows at 5 Hz, ten steps, uniform action times as the released code has them (the paper
        says density ~ sqrt(tau_a)). Training of the video time is the code's too: always fresh noise.
        """
        config = cls(
            joints=joints, instructions=instructions, width_px=640, height_px=480, crop_px=480,
            horizon=15, step_ms=200.0, first_ms=200.0, n_history=5, history_step_ms=200.0,
            backbone="cosmos", n_frames=14, frame_step_ms=800.0, latent_channels=16, vae_channels=(96, 192, 384, 384),
            transformer_dim=2048, transformer_heads=16, transformer_blocks=28, modulation_dim=256,
            n_text_tokens=512, text_dim=1024, read_after=20, own_noise_ratio=0.0, pure_video_noise_ratio=0.0,
            decoder_dim=1024, decoder_heads=8, decoder_blocks=24, decoder_modulation_dim=128, state_dropout_ratio=0.2,
            time_shift_ratio=1.0, n_steps=10,
        )  # fmt: skip
        return replace(config, **changes)

    @property
    def n_past(self) -> int:
        """Return how many clean latent frames the video model is told of."""
        return 1 + (self.n_history - 1) // _HISTORY_STRIDE

    @property
    def latent_size(self) -> tuple[int, int]:
        """Return height and width of the latents."""
        if self.backbone == "cosmos":
            return self.height_px // _PLACE_PX, self.width_px // _PLACE_PX
        return self.latent_px, self.latent_px

    @property
    def n_tokens(self) -> int:
        """Return how many patches the video model's middle layer has; Cosmos' are those of the past frames, too."""
        height, width = self.latent_size
        n_frames = self.n_frames + (self.n_past if self.backbone == "cosmos" else 0)
        return n_frames * (height // _PATCH) * (width // _PATCH)

    def action_objective(self) -> Objective:
        """Return how chunks are trained and drawn."""
        times = TimeDistribution(
            shift_ratio=self.time_shift_ratio, base=self.time_base, pure_noise_ratio=self.pure_noise_ratio
        )
        return objective_of(self.objective, times)
