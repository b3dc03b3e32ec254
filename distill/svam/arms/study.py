"""What a study compares: arms that share one finished run, a regime that all of them learn in, and the scenes they are tried on.

An arm either trains an action expert of its own, or is `of` another: the same networks, drawn in another number of steps, or with a
foresight that says nothing. What an arm does not say is as in the recipe of the run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from distill.fitting import FitRecipe
from distill.recipe import FORMAT
from distill.svam.recipe import SvamRecipe, TargetKind, load_svam_recipe
from interfaces.errors import ConfigError, RefusedError
from interfaces.toml_loader import load_toml, require

Control = Literal["own", "zeroed", "shuffled"]
_TRAINED_BY = (
    "targets",
    "sees",
    "joints",
    "objective",
    "time_shift_ratio",
)  # keys that an arm `of` another cannot have
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRecipe:
    """One policy of the comparison."""

    name: str  # also that of its folder
    about: str  # a line for the reader of the table
    of: str | None = None  # an arm above, whose networks these are
    targets: TargetKind | None = None  # of the students; absent: generated
    sees: Literal["foresight", "features", "frame"] | None = None  # what the expert is shown of the world
    joints: bool | None = None  # absent: as the regime
    objective: Literal["velocity", "edm", "regression"] | None = None
    time_shift_ratio: float | None = None
    steps_of_decoding: int | None = None
    foresight: Control = "own"  # in the closed loop; the training always sees its own

    def __post_init__(self) -> None:
        """Check the name, and that an arm of another changes none of its training."""
        require(_NAME.fullmatch(self.name) is not None, "name", self.name, "small letters, digits and dashes")
        require(self.foresight == "own" or self.of is not None, "of", self.of, "the arm whose foresight is taken away")
        for key in _TRAINED_BY:
            expected = f"nothing, in an arm of {self.of}: it is not trained again"
            require(self.of is None or getattr(self, key) is None, key, getattr(self, key), expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeRecipe:
    """How all experts learn."""

    demonstrations: int  # episodes a task whose actions are told; all other recorded episodes are video
    joints: bool  # whether experts read the joints, or see the world only through the foresight
    fit: FitRecipe  # its seed is each training seed in turn
    draws_per_picture: int = 1  # as in the recipe: so many ages, joints and noises for each picture of a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecipe:
    """The scenes that every policy is tried on, in lockstep."""

    first_seed: int
    seeds: int  # a task
    time_limit_s: float

    def __post_init__(self) -> None:
        """Check that there is a scene."""
        require(self.first_seed >= 0, "first_seed", self.first_seed, "0 or above")
        require(self.seeds > 0, "seeds", self.seeds, "above 0")
        require(self.time_limit_s > 0, "time_limit_s", self.time_limit_s, "above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecipe:
    """A comparison."""

    format: int
    name: str
    recipe: str  # of the run, from the study's own folder on
    seeds: tuple[int, ...]  # of training; everything of an arm is done once for each
    regime: RegimeRecipe
    trials: TrialRecipe
    arms: tuple[ArmRecipe, ...]  # the first is what the others are compared with

    def __post_init__(self) -> None:
        """Check names, and that arms are of arms that are trained."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        require(len(self.seeds) > 0, "seeds", self.seeds, "at least one")
        require(len(set(self.seeds)) == len(self.seeds), "seeds", self.seeds, "each seed once")
        require(len(self.arms) > 0, "arms", self.arms, "at least one")
        trained: list[str] = []
        names: set[str] = set()
        for number, arm in enumerate(self.arms):
            require(arm.name not in names, f"arms[{number}].name", arm.name, "a name that no arm above has")
            known = "one of " + ", ".join(trained) + ", the trained arms above"
            require(arm.of is None or arm.of in trained, f"arms[{number}].of", arm.of, known)
            names.add(arm.name)
            trained += [arm.name] if arm.of is None else []

    def trained(self, arm: ArmRecipe) -> ArmRecipe:
        """Return the arm whose training makes the networks of this one."""
        return next(other for other in self.arms if other.name == (arm.of or arm.name))


def load_study(path: Path) -> tuple[StudyRecipe, SvamRecipe]:
    """Return the study at `path` and the recipe that it names; raises ConfigError naming file, key, value and expectation."""
    study = load_toml(path, StudyRecipe)
    recipe = load_svam_recipe(path.parent / study.recipe)
    first_shown = recipe.demonstrations.first_seed
    last = study.trials.first_seed + study.trials.seeds - 1
    if last >= first_shown:
        raise ConfigError(
            str(path), "trials.seeds", study.trials.seeds,
            f"scenes below {first_shown}: from there on they are demonstrations, and no test",
        )  # fmt: skip
    return study, recipe


def cells_of(
    study: StudyRecipe, arms: list[str] | None = None, seeds: list[int] | None = None
) -> list[tuple[ArmRecipe, int]]:
    """Return what is to be made, all or some: an arm and a training seed each, seed by seed, so that an early end leaves whole ones.

    Raises RefusedError for an arm or a seed that the study does not have.
    """
    names = [arm.name for arm in study.arms]
    for given, known, what in ((arms, names, "arm"), (seeds, [*study.seeds], "training seed")):
        for one in given or ():
            if one not in known:
                raise RefusedError(f"{study.name} has no {what} {one}; expected some of {', '.join(map(str, known))}")
    return [
        (arm, seed)
        for seed in study.seeds
        for arm in study.arms
        if (arms is None or arm.name in arms) and (seeds is None or seed in seeds)
    ]


def recipe_of(study: StudyRecipe, recipe: SvamRecipe, arm: ArmRecipe, seed: int) -> SvamRecipe:
    """Return the whole recipe of an arm, as it could be trained alone."""
    trained, regime, expert = study.trained(arm), study.regime, recipe.expert
    tasks = tuple(replace(task, recovery_episodes=0) for task in recipe.demonstrations.tasks)
    steps = arm.steps_of_decoding or trained.steps_of_decoding or expert.steps_of_decoding
    return replace(
        recipe,
        demonstrations=replace(recipe.demonstrations, tasks=tasks),
        students=replace(recipe.students, targets=trained.targets or "generated"),
        expert=replace(
            expert,
            demonstrations=regime.demonstrations, fit=replace(regime.fit, seed=seed), recovery=None,
            draws_per_picture=regime.draws_per_picture, steps_of_decoding=steps,
            sees=trained.sees or "foresight", joints=regime.joints if trained.joints is None else trained.joints,
            objective=trained.objective or expert.objective,
            time_shift_ratio=expert.time_shift_ratio if trained.time_shift_ratio is None else trained.time_shift_ratio,
        ),
    )  # fmt: skip
