"""Arms by the dozen: every head with chunks of every length, each decoded in several numbers of steps.

A step count is a way of decoding, so it is an arm of one that is trained: heads x lengths are trained, and the rest shares their
networks. An arm is called after what it is: `h16-alpha-4`, and in ten steps `h16-alpha-4-10-steps`.
"""

from __future__ import annotations

from dataclasses import dataclass

from distill.svam.arms.arm import NAME, ArmRecipe
from interfaces.toml_loader import require
from models.objectives import ObjectiveName


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRecipe:
    """How chunks are trained, and in how many steps they are drawn."""

    name: str
    about: str
    steps: tuple[int, ...]  # of decoding; the first number is that of the arm that is trained
    objective: ObjectiveName = "velocity"
    time_shift_ratio: float | None = None
    pure_noise_ratio: float | None = None

    def __post_init__(self) -> None:
        """Check the name and the steps."""
        require(NAME.fullmatch(self.name) is not None, "name", self.name, "small letters, digits and dashes")
        sound = len(self.steps) > 0 and len(set(self.steps)) == len(self.steps) and min(self.steps) > 0
        require(sound, "steps", self.steps, "numbers above 0, each once")


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRecipe:
    """Heads and chunk lengths."""

    horizons: tuple[int, ...]  # rows of a chunk
    heads: tuple[HeadRecipe, ...]
    several_ways: tuple[str, ...] = ()  # tasks with more than one right way: told apart in the results

    def __post_init__(self) -> None:
        """Check that nothing is there twice."""
        sound = len(self.horizons) > 0 and len(set(self.horizons)) == len(self.horizons) and min(self.horizons) > 0
        require(sound, "horizons", self.horizons, "numbers above 0, each once")
        names = [head.name for head in self.heads]
        require(len(set(names)) == len(names) > 0, "heads", names, "at least one, and each name once")

    @property
    def steps(self) -> tuple[int, ...]:
        """Return all numbers of steps, ascending."""
        return tuple(sorted({steps for head in self.heads for steps in head.steps}))


def arm_name(horizon: int, head: HeadRecipe, steps: int) -> str:
    """Return what the arm of a place in the grid is called."""
    trained = f"h{horizon}-{head.name}"
    return trained if steps == head.steps[0] else f"{trained}-{steps}-steps"


def arms_of(grid: GridRecipe) -> tuple[ArmRecipe, ...]:
    """Return the arms, each trained one before those of it."""
    return tuple(_arm(horizon, head, steps) for horizon in grid.horizons for head in grid.heads for steps in head.steps)


def _arm(horizon: int, head: HeadRecipe, steps: int) -> ArmRecipe:
    name, trained = arm_name(horizon, head, steps), arm_name(horizon, head, head.steps[0])
    about = f"{head.about}; chunks of {horizon} rows, {steps} step{'s' if steps > 1 else ''}"
    if name != trained:
        return ArmRecipe(name=name, about=about, of=trained, steps_of_decoding=steps)
    return ArmRecipe(
        name=name, about=about, horizon=horizon, objective=head.objective, time_shift_ratio=head.time_shift_ratio,
        pure_noise_ratio=head.pure_noise_ratio, steps_of_decoding=steps,
    )  # fmt: skip
