"""The recipe of a family: which run it stands on, its own sizes, and how it is fitted. One TOML, strict like a robot file.

`[network]` has keys of the family's own config, and no others; how much of the past it sees (`n_history`, `history_step_ms`) is among
them. A key that is left out is as the family says.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, make_dataclass
from pathlib import Path
from typing import Any, cast, get_type_hints

from distill.fitting import FitRecipe
from distill.recipe import FORMAT
from distill.svam.recipe import SvamRecipe, load_svam_recipe
from distill.svam.sampling import Sampling, require_ages
from interfaces.errors import ConfigError
from interfaces.toml_loader import from_table, read_toml, require
from models.families import FAMILIES, Family
from models.policy import TrainablePolicy, as_trainable
from models.robot_side import RobotSide

_OF_THE_PAST = {"n_history", "history_step_ms"}  # what of the robot's side a family chooses


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsRecipe:
    """From how much actions are learnt, and how old foresights are meanwhile."""

    demonstrations: int  # episodes a task whose actions are used
    age_min_ms: float
    age_typical_ms: float  # three of four ages lie below
    age_max_ms: float
    joint_noise_rad: float

    def __post_init__(self) -> None:
        """Check the ages."""
        require_ages(self.age_min_ms, self.age_typical_ms, self.age_max_ms)
        require(self.demonstrations > 0, "demonstrations", self.demonstrations, "above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRecipe:
    """One policy, but for its own sizes."""

    format: int
    family: str
    name: str
    recipe: str  # of the S-VAM run, from this recipe's own folder on
    from_run: str  # its folder, from the working directory on; finished up to its video model, and never written to
    horizon: int
    step_ms: float
    first_ms: float
    threads: int
    actions: ActionsRecipe
    fit: FitRecipe
    recovery: tuple[
        FitRecipe, ...
    ] = ()  # rounds: once more, also from episodes that the demonstrator took over from the policy

    def __post_init__(self) -> None:
        """Check the format and the family."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        known = [name for name, family in FAMILIES.items() if family.trainable]
        require(self.family in known, "family", self.family, f"one of {', '.join(known)}")
        require(self.horizon > 0, "horizon", self.horizon, "above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyPlan:
    """A recipe, its family's own sizes, and the recipe of the run that it stands on."""

    recipe: FamilyRecipe
    network: dict[str, Any]
    trained: SvamRecipe

    @property
    def family(self) -> Family:
        """Return the classes of the family."""
        return FAMILIES[self.recipe.family]

    def config(self) -> RobotSide:
        """Return the family's sizes. Raises ValueError where they do not fit together."""
        recipe = self.recipe
        return self.family.config.on(
            self.trained.config(), horizon=recipe.horizon, step_ms=recipe.step_ms, first_ms=recipe.first_ms,
            foresight_age_max_ms=recipe.actions.age_max_ms, **self.network,
        )  # fmt: skip

    def policy(self) -> TrainablePolicy:
        """Return an untrained policy of these sizes."""
        return as_trainable(self.family.policy(self.config()))

    def sampling(self) -> Sampling:
        """Return how samples are drawn around a picture."""
        recipe, actions = self.recipe, self.recipe.actions
        return Sampling(
            grid_s=self.trained.demonstrations.facts.step_s,
            horizon=recipe.horizon, step_ms=recipe.step_ms, first_ms=recipe.first_ms,
            age_min_ms=actions.age_min_ms, age_typical_ms=actions.age_typical_ms, age_max_ms=actions.age_max_ms,
            joint_noise_rad=actions.joint_noise_rad,
        )  # fmt: skip


def load_family_recipe(path: Path) -> FamilyPlan:
    """Return the recipe at `path` with the one that it names; raises ConfigError naming file, key, value and expectation."""
    table = read_toml(path)
    told = table.pop("network", {})
    recipe = from_table(table, FamilyRecipe, str(path))
    network = _network(told, FAMILIES[recipe.family], path)
    plan = FamilyPlan(recipe=recipe, network=network, trained=load_svam_recipe(path.parent / recipe.recipe))
    _check(plan, path)
    return plan


def _network(told: Any, family: Family, path: Path) -> dict[str, Any]:
    """Return the family's own sizes, with the types that its config has."""
    if not isinstance(told, dict):
        raise ConfigError(str(path), "network", told, "a table")
    not_chosen = {field.name for field in fields(RobotSide)} - _OF_THE_PAST
    own = {name: hint for name, hint in get_type_hints(family.config).items() if name not in not_chosen}
    schema: type[Any] = make_dataclass("Network", [(name, hint | None, None) for name, hint in own.items()])
    read = from_table(cast("dict[str, Any]", told), schema, str(path), "network.")
    return {name: getattr(read, name) for name in own if name in told}


def _check(plan: FamilyPlan, path: Path) -> None:
    """Raise ConfigError for what would fail only in the middle of a run."""
    asked, n_rounds = len(plan.recipe.recovery), plan.trained.demonstrations.n_recovery_rounds
    if asked > n_rounds:
        raise ConfigError(
            str(path),
            "recovery",
            f"{asked} tables",
            f"{n_rounds} or fewer, as {plan.recipe.recipe} has rounds of recovery_episodes",
        )
    try:
        plan.sampling().require_on_grid()
        plan.config()
    except ValueError as error:
        raise ConfigError(str(path), "file", str(error), "values that fit together") from None
