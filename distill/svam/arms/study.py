"""What a study compares: arms that share one finished run, a regime that all of them learn in, and the scenes they are tried on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path

from distill.fitting import FitRecipe
from distill.recipe import FORMAT
from distill.svam.arms.arm import ArmRecipe
from distill.svam.arms.grid import GridRecipe, arms_of
from distill.svam.recipe import SvamRecipe, load_svam_recipe
from interfaces.errors import ConfigError, RefusedError
from interfaces.toml_loader import load_toml, require


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
class DrawsRecipe:
    """What policies are asked beside the closed loop: how much their chunks depend on the noise, and whose mean they are."""

    pictures: int  # held-out ones, a task
    noises: int  # for each picture and scene
    scenes: int  # of the task with two ways, each demonstrated both ways
    first_seed: int  # of these scenes

    def __post_init__(self) -> None:
        """Check that there is something to compare."""
        for key in ("pictures", "scenes"):
            require(getattr(self, key) > 0, key, getattr(self, key), "above 0")
        require(self.noises > 1, "noises", self.noises, "above 1: one chunk has no spread")
        require(self.first_seed >= 0, "first_seed", self.first_seed, "0 or above")


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRecipe:
    """What things were measured to take, in seconds of one core, so that a study can say beforehand how long it will be."""

    foresights_s: float  # of all demonstrated pictures, once
    expert_step_s: float  # of a fit
    mean_flow_ratio: float  # so many times as long as a velocity flow's
    imle_ratio: float
    export_s: float  # in one step
    export_step_s: float  # for each further step in the graph
    episode_s: float  # tried in the closed loop until the time limit
    draws_s: float  # of a policy's questions beside the closed loop, in one step

    def __post_init__(self) -> None:
        """Check that nothing takes less than no time."""
        for field in fields(self):
            require(getattr(self, field.name) >= 0, field.name, getattr(self, field.name), "0 or above")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecipe:
    """A comparison."""

    format: int
    name: str
    recipe: str  # of the run, from the study's own folder on
    seeds: tuple[int, ...]  # of training; everything of an arm is done once for each
    regime: RegimeRecipe
    trials: TrialRecipe
    arms: tuple[ArmRecipe, ...] = ()
    grid: GridRecipe | None = None  # more arms, after these
    against: str | None = None  # the arm that the others are compared with; absent: the first
    draws: DrawsRecipe | None = None
    cost: CostRecipe | None = None

    def __post_init__(self) -> None:
        """Check names, and that arms are of arms that are trained."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        require(len(self.seeds) > 0, "seeds", self.seeds, "at least one")
        require(len(set(self.seeds)) == len(self.seeds), "seeds", self.seeds, "each seed once")
        require(len(self.every_arm) > 0, "arms", self.arms, "at least one, or a table [grid]")
        trained: list[str] = []
        names: set[str] = set()
        for number, arm in enumerate(self.every_arm):
            require(arm.name not in names, f"arms[{number}].name", arm.name, "a name that no arm above has")
            known = "one of " + ", ".join(trained) + ", the trained arms above"
            require(arm.of is None or arm.of in trained, f"arms[{number}].of", arm.of, known)
            names.add(arm.name)
            trained += [arm.name] if arm.of is None else []
        require(self.against is None or self.against in names, "against", self.against, "the name of an arm")

    @property
    def every_arm(self) -> tuple[ArmRecipe, ...]:
        """Return the arms that are told one by one, and those of the grid."""
        return self.arms + (() if self.grid is None else arms_of(self.grid))

    def trained(self, arm: ArmRecipe) -> ArmRecipe:
        """Return the arm whose training makes the networks of this one."""
        return next(other for other in self.every_arm if other.name == (arm.of or arm.name))


def load_study(path: Path) -> tuple[StudyRecipe, SvamRecipe]:
    """Return the study at `path` and the recipe that it names; raises ConfigError naming file, key, value and expectation."""
    study = load_toml(path, StudyRecipe)
    recipe = load_svam_recipe(path.parent / study.recipe)
    _require_unseen(path, "trials.seeds", study.trials.first_seed, study.trials.seeds, recipe)
    if study.draws is not None:
        _require_unseen(path, "draws.scenes", study.draws.first_seed, study.draws.scenes, recipe)
    for task in () if study.grid is None else study.grid.several_ways:
        tasks = recipe.demonstrations.instructions
        if task not in tasks:
            raise ConfigError(str(path), "grid.several_ways", task, f"some of {', '.join(tasks)}")
    return study, recipe


def _require_unseen(path: Path, key: str, first_seed: int, n_seeds: int, recipe: SvamRecipe) -> None:
    first_shown = recipe.demonstrations.first_seed
    if first_seed + n_seeds > first_shown:
        raise ConfigError(
            str(path), key, n_seeds,
            f"scenes below {first_shown}: from there on they are demonstrations, and no test",
        )  # fmt: skip


def cells_of(
    study: StudyRecipe, arms: list[str] | None = None, seeds: list[int] | None = None
) -> list[tuple[ArmRecipe, int]]:
    """Return what is to be made, all or some: an arm and a training seed each, seed by seed, so that an early end leaves whole ones.

    Arms are named as they are, or by patterns as of file names. Raises RefusedError for an arm or a seed that the study does not have.
    """
    names = [arm.name for arm in study.every_arm]
    for pattern in arms or ():
        if not any(fnmatchcase(name, pattern) for name in names):
            raise RefusedError(f"{study.name} has no arm {pattern}; expected some of {', '.join(names)}")
    for seed in seeds or ():
        if seed not in study.seeds:
            known = ", ".join(map(str, study.seeds))
            raise RefusedError(f"{study.name} has no training seed {seed}; expected some of {known}")
    return [
        (arm, seed)
        for seed in study.seeds
        for arm in study.every_arm
        if (arms is None or any(fnmatchcase(arm.name, pattern) for pattern in arms))
        and (seeds is None or seed in seeds)
    ]


def recipe_of(study: StudyRecipe, recipe: SvamRecipe, arm: ArmRecipe, seed: int) -> SvamRecipe:
    """Return the whole recipe of an arm, as it could be trained alone."""
    trained, regime, expert = study.trained(arm), study.regime, recipe.expert
    tasks = tuple(replace(task, recovery_episodes=()) for task in recipe.demonstrations.tasks)
    steps = arm.steps_of_decoding or trained.steps_of_decoding or expert.steps_of_decoding
    return replace(
        recipe,
        horizon=trained.horizon or recipe.horizon,
        demonstrations=replace(recipe.demonstrations, tasks=tasks),
        students=replace(recipe.students, targets=trained.targets or "generated"),
        expert=replace(
            expert,
            demonstrations=regime.demonstrations, fit=replace(regime.fit, seed=seed), recovery=(),
            draws_per_picture=regime.draws_per_picture, steps_of_decoding=steps,
            sees=trained.sees or "foresight", joints=regime.joints if trained.joints is None else trained.joints,
            objective=trained.objective or expert.objective,
            time_shift_ratio=expert.time_shift_ratio if trained.time_shift_ratio is None else trained.time_shift_ratio,
            pure_noise_ratio=expert.pure_noise_ratio if trained.pure_noise_ratio is None else trained.pure_noise_ratio,
        ),
    )  # fmt: skip
