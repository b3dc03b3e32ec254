"""One policy of a comparison: how it differs from the others.

An arm either trains an action expert of its own, or is `of` another: the same networks, drawn in another number of steps, or with a
foresight that says nothing. What an arm does not say is as in the recipe of the run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from distill.svam.recipe import TargetKind
from interfaces.toml_loader import require
from models.objectives import ObjectiveName

Control = Literal["own", "zeroed", "shuffled"]
_TRAINED_BY = (
    "targets", "sees", "joints", "horizon", "objective", "time_shift_ratio", "pure_noise_ratio",
)  # fmt: skip  # keys that an arm `of` another cannot have
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRecipe:
    """One policy of the comparison."""

    name: str  # also that of its folder
    about: str  # a line for the reader of the table
    of: str | None = None  # an arm above, whose networks these are
    targets: TargetKind | None = None  # of the students; absent: generated
    sees: Literal["foresight", "features", "frame"] | None = None  # what the expert is shown of the world
    joints: bool | None = None  # absent: as the regime
    horizon: int | None = None  # rows of a chunk
    objective: ObjectiveName | None = None
    time_shift_ratio: float | None = None
    pure_noise_ratio: float | None = None
    steps_of_decoding: int | None = None
    foresight: Control = "own"  # in the closed loop; the training always sees its own

    def __post_init__(self) -> None:
        """Check the name, and that an arm of another changes none of its training."""
        require(NAME.fullmatch(self.name) is not None, "name", self.name, "small letters, digits and dashes")
        require(self.foresight == "own" or self.of is not None, "of", self.of, "the arm whose foresight is taken away")
        for key in _TRAINED_BY:
            expected = f"nothing, in an arm of {self.of}: it is not trained again"
            require(self.of is None or getattr(self, key) is None, key, getattr(self, key), expected)
