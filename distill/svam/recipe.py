"""The recipe of an S-VAM: one TOML, strict like a robot file, a table for each stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from distill.fitting import FitRecipe
from distill.recipe import FORMAT, DemonstrationRecipe
from distill.svam.sampling import Sampling, require_ages
from interfaces.toml_loader import load_toml, require
from models.objectives import ObjectiveName
from models.svam.config import SvamConfig

_HALVINGS = 3  # of a picture, by the anchors and the depth teacher

# What the students' targets are of: the video that the model makes of the very noise behind their features (S-VAM); what really
# followed; or a video of the same clip from another noise (the pairing that S-VAM keeps, broken).
TargetKind = Literal["generated", "recorded", "independent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SizesRecipe:
    """What of the networks a recipe chooses; the rest is `SvamConfig.small_transformer`."""

    n_frames: int
    frame_step_ms: float  # between foreseen frames
    latent_channels: int
    autoencoder_channels: tuple[int, ...]
    transformer_dim: int
    transformer_heads: int
    transformer_blocks: int
    transformer_leave_dim: int
    time_shift_ratio: float
    pure_noise_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfDistillationRecipe:
    """How many videos the trained model generates for its students."""

    records: int
    steps: int  # of the sampler
    fresh_noise_ratio: float  # of the records that begin at a noise of their own and not at the policy's
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        """Check that there is something to generate."""
        for key in ("records", "steps", "batch_size"):
            require(getattr(self, key) > 0, key, getattr(self, key), "above 0")
        require(0 <= self.fresh_noise_ratio <= 1, "fresh_noise_ratio", self.fresh_noise_ratio, "0..1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachersRecipe:
    """Who looks at generated frames, and how closely."""

    depth: FitRecipe
    mobile_sam: str  # path of mobile_sam.pt, from the recipe's own folder on
    mobile_sam_px: int  # side of the pictures it is shown; twice as much costs four times the time
    basis_pictures: int  # recorded ones, behind the directions that are kept of its features
    semantic_dim: int
    geometric_dim: int

    def __post_init__(self) -> None:
        """Check what the encoder cannot be shown."""
        px = self.mobile_sam_px
        require(px > 0 and px % 32 == 0, "mobile_sam_px", px, "a multiple of 32")
        require(0 < self.semantic_dim <= 256, "semantic_dim", self.semantic_dim, "1..256")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentsRecipe:
    """How anchors and decouplers are fitted, and to what."""

    fit: FitRecipe
    decoupler_dim: int
    targets: TargetKind = "generated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertRecipe:
    """How actions are learnt, and from how much."""

    fit: FitRecipe
    demonstrations: int  # episodes a task whose actions are used
    objective: ObjectiveName
    time_shift_ratio: float  # of the velocity flow
    steps_of_decoding: int
    age_min_ms: float
    age_typical_ms: float  # most ages lie below
    age_max_ms: float
    joint_noise_rad: float
    state_dropout_ratio: float
    pure_noise_ratio: float = 0.0  # of the velocity flow's samples, which sit where one step begins
    imle_candidates: int = 8  # as of `models.one_step.Imle`
    imle_rejected_ratio: float = 0.01
    draws_per_picture: int = 1  # ages, joints and noises in a batch, which has fit.batch_size pictures
    sees: Literal["foresight", "features", "frame"] = "foresight"  # as of `SvamConfig`
    joints: bool = True  # whether it reads the joints, too; else they are only what its chunks are relative to
    recovery: tuple[
        FitRecipe, ...
    ] = ()  # rounds: once more, also from episodes that the demonstrator took over from the policy

    def __post_init__(self) -> None:
        """Check the ages."""
        require_ages(self.age_min_ms, self.age_typical_ms, self.age_max_ms)
        for key in ("demonstrations", "draws_per_picture", "time_shift_ratio", "steps_of_decoding"):
            require(getattr(self, key) > 0, key, getattr(self, key), "above 0")
        require(0 <= self.pure_noise_ratio <= 1, "pure_noise_ratio", self.pure_noise_ratio, "0..1")
        require(self.imle_candidates > 1, "imle_candidates", self.imle_candidates, "2 or more: one of one is no choice")
        require(self.imle_rejected_ratio >= 0, "imle_rejected_ratio", self.imle_rejected_ratio, "0 or above")


@dataclass(frozen=True, slots=True, kw_only=True)
class SvamRecipe:
    """One S-VAM: its sizes, its episodes, and how each of its networks is fitted."""

    format: int
    family: Literal["svam"]
    name: str
    horizon: int
    step_ms: float
    first_ms: float
    threads: int
    held_out_every: int  # each so-many-th episode of a task is looked at and not learnt from
    brightness_ratio: float  # by which episodes are made brighter or darker
    sizes: SizesRecipe
    demonstrations: DemonstrationRecipe
    autoencoder: FitRecipe
    video: FitRecipe
    self_distillation: SelfDistillationRecipe
    teachers: TeachersRecipe
    students: StudentsRecipe
    expert: ExpertRecipe

    def __post_init__(self) -> None:
        """Check the format, and that foreseen frames are among the recorded ones."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        require(self.held_out_every > 1, "held_out_every", self.held_out_every, "above 1")
        require(self.demonstrations.video_px is not None, "demonstrations.video_px", None, "the side of the video")
        stride = self.sizes.frame_step_ms * self.demonstrations.picture_rate_hz / 1000.0
        n_rounds = self.demonstrations.n_recovery_rounds
        require(
            n_rounds == len(self.expert.recovery), "expert.recovery", len(self.expert.recovery),
            f"{n_rounds} tables [[expert.recovery]], as many as tasks have numbers of recovery_episodes",
        )  # fmt: skip
        require(
            stride >= 1 and stride % 1 == 0, "sizes.frame_step_ms", self.sizes.frame_step_ms,
            f"a multiple of {1000.0 / self.demonstrations.picture_rate_hz:g}, the time between recorded pictures",
        )  # fmt: skip

        self._check_places()
        self.sampling().require_on_grid()

    def _check_places(self) -> None:
        """Check that video model, anchors and depth teacher tell of the same places of a picture."""
        video_px, anchor_px = self.demonstrations.video_px, self.config().anchor_px
        require(
            video_px == anchor_px, "demonstrations.video_px", video_px,
            f"{anchor_px}, the side of the pictures that the anchors see",
        )  # fmt: skip
        widths = self.sizes.autoencoder_channels
        require(
            len(widths) == _HALVINGS, "sizes.autoencoder_channels", widths,
            f"{_HALVINGS} widths: a picture is halved once for each, and as often by the anchors and the depth teacher",
        )  # fmt: skip

    @property
    def stride(self) -> int:
        """Return how many recorded pictures lie between two foreseen ones, the later of them counted."""
        return round(self.sizes.frame_step_ms * self.demonstrations.picture_rate_hz / 1000.0)

    def sampling(self) -> Sampling:
        """Return how samples are drawn around a picture."""
        expert = self.expert
        return Sampling(
            grid_s=self.demonstrations.facts.step_s, horizon=self.horizon, step_ms=self.step_ms, first_ms=self.first_ms,
            age_min_ms=expert.age_min_ms, age_typical_ms=expert.age_typical_ms, age_max_ms=expert.age_max_ms,
            joint_noise_rad=expert.joint_noise_rad,
        )  # fmt: skip

    def config(self) -> SvamConfig:
        """Return the sizes of all networks."""
        sizes, world = self.sizes, self.demonstrations.facts
        return SvamConfig.small_transformer(
            joints=world.joints, instructions=self.demonstrations.instructions,
            camera=world.camera, width_px=world.width_px, height_px=world.height_px, crop_px=world.crop_px,
            horizon=self.horizon, step_ms=self.step_ms, first_ms=self.first_ms,
            video_px=self.demonstrations.video_px, n_frames=sizes.n_frames, frame_step_ms=sizes.frame_step_ms,
            latent_channels=sizes.latent_channels, vae_channels=sizes.autoencoder_channels,
            transformer_dim=sizes.transformer_dim, transformer_heads=sizes.transformer_heads,
            transformer_blocks=sizes.transformer_blocks, transformer_leave_dim=sizes.transformer_leave_dim,
            semantic_dim=self.teachers.semantic_dim, geometric_dim=self.teachers.geometric_dim,
            decoupler_dim=self.students.decoupler_dim,
            objective=self.expert.objective, time_shift_ratio=self.expert.time_shift_ratio,
            pure_noise_ratio=self.expert.pure_noise_ratio, imle_candidates=self.expert.imle_candidates,
            imle_rejected_ratio=self.expert.imle_rejected_ratio,
            n_steps=self.expert.steps_of_decoding, state_dropout_ratio=self.expert.state_dropout_ratio,
            foresight_age_max_ms=self.expert.age_max_ms, sees=self.expert.sees, sees_joints=self.expert.joints,
            video_time_shift_ratio=sizes.time_shift_ratio, video_pure_noise_ratio=sizes.pure_noise_ratio,
        )  # fmt: skip


def load_svam_recipe(path: Path) -> SvamRecipe:
    """Return the recipe at `path`; raises ConfigError naming file, key, value and expectation."""
    return load_toml(path, SvamRecipe)
