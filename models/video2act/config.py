"""The sizes of a Video2Act policy, and what its conditions are made of: `paper`, the released system, and the small one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from models.flow import Objective, TimeDistribution
from models.frozen_video import VideoSide
from models.objectives import ObjectiveName, objective_of
from models.svam.video_transformer import PATCH
from models.video2act.filters import passed_bins


@dataclass(frozen=True, slots=True, kw_only=True)
class Video2ActConfig(VideoSide):
    """The robot, the video model, and then the family's own; every default is the small scale's."""

    # the slow system: what of the video model's clip becomes tokens
    conditions: Literal["both", "spatial", "motion", "raw"] = "both"  # raw: both streams, filtered by nothing
    filters: Literal["after", "before"] = "after"  # the video model, as the paper draws it; the release has them before
    boundary: Literal["sobel", "scharr", "laplace"] = "sobel"
    motion: Literal["band-pass", "difference"] = "band-pass"
    motion_low_hz: float = 1.0  # what the band-pass lets through; what does not move is never among it
    motion_high_hz: float = 4.0
    spatial_height_px: int = 0  # of the spatial stream's picture, where it is another one than the motion stream's
    spatial_width_px: int = 0

    # the fast head
    token_dim: int = 128
    head_heads: int = 4
    head_blocks: int = 4
    feed_forward_ratio: int = 4  # how much wider a block is inside
    dropout_ratio: float = 0.1
    sees_joints: bool = True
    state_dropout_ratio: float = 0.3  # training samples that do not see the joints: state must not become a shortcut
    objective: ObjectiveName = "clean"
    time_shift_ratio: float = 4.0  # of the paths from noise: "Let It Be Simple" decodes best in one step at 4
    time_base: Literal["uniform", "beta"] = "uniform"
    pure_noise_ratio: float = 0.0
    n_steps: int = 1  # of decoding; the release takes 5

    def __post_init__(self) -> None:
        """Refuse what cannot be filtered. Raises ValueError."""
        whole = f"{self.n_frames}, the frames of the video model's clips"
        if self.n_history not in (1, self.n_frames):
            raise _refused("n_history", self.n_history, f"1, or {whole}")
        if self.n_history > 1 and self.history_step_ms != self.frame_step_ms:
            raise _refused(
                "history_step_ms", self.history_step_ms, f"{self.frame_step_ms}, as in the video model's clips"
            )
        if self.filters == "before" and self.n_history == 1:
            raise _refused("n_history", 1, f"{whole}: what is only foreseen cannot be filtered before the video model")
        if self.motion == "band-pass" and self.conditions in {"both", "motion"} and not any(self.passed()):
            base_hz = 1000.0 / (self.n_frames * self.frame_step_ms)
            band = f"from motion_low_hz ({self.motion_low_hz}) on, with a multiple of {base_hz:g} Hz between them"
            raise _refused("motion_high_hz", self.motion_high_hz, band)

    @classmethod
    def small(cls, *, joints: tuple[str, ...], instructions: tuple[str, ...], **changes: Any) -> Video2ActConfig:
        """Return the policy that trains and runs on two CPU cores; `on` is the same beside the video model of a finished run."""
        return cls(joints=joints, instructions=instructions, **changes)

    @classmethod
    def paper(cls, *, joints: tuple[str, ...], instructions: tuple[str, ...], **changes: Any) -> Video2ActConfig:
        """Return the released sizes: WAN2.2-TI2V-5B, of which the first 20 of 30 blocks run, and RDT-1B's transformer.

        The release counts latent frames at 16 Hz, so its band of 1 to 7 Hz keeps the waves 1 to 7 of a clip of 16; the autoencoder
        has put four pictures into each, and what really passes is 0.25 to 1.75 Hz. The count is the release's here.
        """
        chosen: dict[str, Any] = {
            "horizon": 64, "n_history": 16, "history_step_ms": 62.5, "filters": "before",
            "video_px": 224, "n_frames": 16, "frame_step_ms": 62.5, "latent_channels": 48,
            "vae_channels": (160, 320, 640, 640), "transformer_dim": 3072, "transformer_heads": 24, "transformer_blocks": 30,
            "n_text_tokens": 1024, "text_dim": 4096,
            "motion_high_hz": 7.0, "spatial_height_px": 480, "spatial_width_px": 832,
            "token_dim": 2048, "head_heads": 32, "head_blocks": 28, "feed_forward_ratio": 1, "dropout_ratio": 0.0,
            "state_dropout_ratio": 0.0, "time_shift_ratio": 1.0, "n_steps": 5,
        }  # fmt: skip
        return cls(joints=joints, instructions=instructions, **(chosen | changes))

    def passed(self) -> tuple[bool, ...]:
        """Return which waves of a clip the band-pass lets through: of 0, 1, 2, ... periods a clip."""
        return passed_bins(self.n_frames, self.frame_step_ms, self.motion_low_hz, self.motion_high_hz)

    @property
    def patches(self) -> tuple[int, int]:
        """Return the rows and columns of patches of a frame of the motion stream."""
        return self.latent_px // PATCH, self.latent_px // PATCH

    @property
    def n_spatial_tokens(self) -> int:
        """Return how many tokens the spatial stream has: those of one frame."""
        if self.conditions == "motion":
            return 0
        rows, columns = self.patches
        if self.spatial_height_px:
            rows, columns = (
                px // (PATCH << len(self.vae_channels)) for px in (self.spatial_height_px, self.spatial_width_px)
            )
        return rows * columns

    @property
    def n_motion_tokens(self) -> int:
        """Return how many tokens the motion stream has: those of all frames."""
        rows, columns = self.patches
        return 0 if self.conditions == "spatial" else self.n_frames * rows * columns

    @property
    def n_tokens(self) -> int:
        """Return how many tokens a foresight has: the text's, the spatial and the motion stream's."""
        return self.n_text_tokens + self.n_spatial_tokens + self.n_motion_tokens

    def action_objective(self) -> Objective:
        """Return how chunks are trained and drawn."""
        times = TimeDistribution(
            shift_ratio=self.time_shift_ratio, base=self.time_base, pure_noise_ratio=self.pure_noise_ratio
        )
        return objective_of(self.objective, times)


def _refused(key: str, value: object, expected: str) -> ValueError:
    return ValueError(f"{key} is {value}; expected {expected}")
