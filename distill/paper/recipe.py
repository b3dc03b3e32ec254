"""The recipe of an S-VAM at the published size, on a user's own episodes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from distill.fitting import FitRecipe
from distill.recipe import FORMAT
from interfaces.toml_loader import load_toml, require


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodesRecipe:
    """Where the episodes are, and what of them is used."""

    folder: str  # from the recipe's own folder on; its layout: distill/paper/episodes.py
    joints: tuple[str, ...]  # as in the robot file, in the order of motion.npz
    picture_rate_hz: float
    held_out_every: int  # each so-many-th episode is looked at and not learnt from

    def __post_init__(self) -> None:
        """Check what cannot be cut into pictures."""
        require(len(self.joints) > 0, "joints", self.joints, "at least one name")
        require(self.picture_rate_hz > 0, "picture_rate_hz", self.picture_rate_hz, "above 0")
        require(self.held_out_every > 1, "held_out_every", self.held_out_every, "above 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRecipe:
    """The networks that others trained: folders, or names of repositories that their libraries download."""

    video: (
        str  # a folder in diffusers' format, from the recipe's own folder on: VPP's fine-tuned SVD, or one of your own
    )
    text: str
    semantic: str
    geometric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedRecipe:
    """The videos that the students' teachers look at."""

    records: int
    steps: int  # of Euler's method
    guidance_ratio: float  # 1: none
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        """Check that there is something to generate."""
        for key in ("records", "steps", "batch_size"):
            require(getattr(self, key) > 0, key, getattr(self, key), "above 0")
        require(self.batch_size > 1, "batch_size", self.batch_size, "above 1: of each batch the first is held out")
        require(self.guidance_ratio >= 1, "guidance_ratio", self.guidance_ratio, "at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperExpertRecipe:
    """How actions are learnt."""

    fit: FitRecipe
    objective: Literal["velocity", "edm", "regression"]
    steps_of_decoding: int
    age_min_ms: float
    age_max_ms: float
    joint_noise_rad: float
    state_dropout_ratio: float

    def __post_init__(self) -> None:
        """Check the ages."""
        ages = (self.age_min_ms, self.age_max_ms)
        require(0 < ages[0] < ages[1], "age_max_ms", ages, "min < max, both above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRecipe:
    """One S-VAM of the published size."""

    format: int
    family: Literal["svam-paper"]
    name: str
    horizon: int
    step_ms: float
    first_ms: float
    threads: int
    n_frames: int
    frame_step_ms: float  # between foreseen frames
    episodes: EpisodesRecipe
    served: ServedRecipe
    self_distillation: GeneratedRecipe
    students: FitRecipe
    expert: PaperExpertRecipe

    def __post_init__(self) -> None:
        """Check the format, and that times fall on the grids that episodes are read on."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        for key in ("step_ms", "first_ms"):
            require(getattr(self, key) % 10 == 0, key, getattr(self, key), "a multiple of 10")
        stride = self.frame_step_ms * self.episodes.picture_rate_hz / 1000.0
        require(
            stride >= 1 and stride % 1 == 0, "frame_step_ms", self.frame_step_ms,
            f"a multiple of {1000.0 / self.episodes.picture_rate_hz:g}, the time between pictures",
        )  # fmt: skip

    @property
    def stride(self) -> int:
        """Return how many pictures lie between two foreseen ones, the later of them counted."""
        return round(self.frame_step_ms * self.episodes.picture_rate_hz / 1000.0)


def load_paper_recipe(path: Path) -> PaperRecipe:
    """Return the recipe at `path`; raises ConfigError naming file, key, value and expectation."""
    return load_toml(path, PaperRecipe)
