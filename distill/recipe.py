"""The recipe of a training run: one TOML, strict like a robot file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distill.worlds import WORLDS, WorldFacts, WorldName
from interfaces.toml_loader import load_toml, require

FORMAT = 1
RECOVERY_ROUNDS_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecipe:
    """How many demonstrations of one task."""

    name: str
    episodes: int
    recovery_episodes: tuple[int, ...]  # in which the policy drives first and the expert finishes; a number a round


@dataclass(frozen=True, slots=True, kw_only=True)
class DemonstrationRecipe:
    """How episodes are recorded."""

    first_seed: int  # evaluation uses seeds below this
    time_limit_s: float
    after_success_s: float  # the expert goes on for so long, so that the policy learns to stay
    picture_rate_hz: float
    workers: int
    tasks: tuple[TaskRecipe, ...]
    video_px: int | None = (
        None  # pictures of this side, resized as a video model sees them, and exact depth; else halved ones
    )
    world: WorldName = "so101"  # "metaworld" needs the package of that name (sim/metaworld/package.py)

    def __post_init__(self) -> None:
        """Check that the world knows the tasks, and that pictures fall on its grid."""
        for index, task in enumerate(self.tasks):
            known = task.name in self.facts.tasks
            require(known, f"tasks[{index}].name", task.name, f"one of {', '.join(self.facts.tasks)}")
            require(
                len(task.recovery_episodes) == self.n_recovery_rounds, f"tasks[{index}].recovery_episodes",
                task.recovery_episodes, f"a number a round, as many as the first task has: {self.n_recovery_rounds}",
            )  # fmt: skip
        require(self.picture_rate_hz > 0, "picture_rate_hz", self.picture_rate_hz, "above 0")
        n_rounds = self.n_recovery_rounds
        require(
            n_rounds <= RECOVERY_ROUNDS_MAX,
            "tasks[0].recovery_episodes",
            n_rounds,
            f"{RECOVERY_ROUNDS_MAX} rounds or fewer",
        )
        steps = 1.0 / self.picture_rate_hz / self.facts.step_s
        on_grid = steps > 0.5 and abs(steps - round(steps)) < 1e-6
        require(
            on_grid, "picture_rate_hz", self.picture_rate_hz, f"{1.0 / self.facts.step_s:g} divided by a whole number"
        )

    @property
    def facts(self) -> WorldFacts:
        """Return what the world fixes."""
        return WORLDS[self.world]

    @property
    def n_recovery_rounds(self) -> int:
        """Return how often a policy drives and the expert takes over, to learn from that, too."""
        return len(self.tasks[0].recovery_episodes) if self.tasks else 0

    @property
    def picture_every(self) -> int:
        """Return how many steps of the grid lie between two pictures, the later one's counted."""
        return round(1.0 / self.picture_rate_hz / self.facts.step_s)

    @property
    def instructions(self) -> tuple[str, ...]:
        """Return the instructions a policy follows: the names of the tasks, in the order of its one-hot input."""
        return tuple(task.name for task in self.tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """How the policy is fitted to them."""

    steps: int
    recovery_steps: int
    batch_size: int
    learning_rate_ratio: float
    weight_decay_ratio: float
    average_ratio: float  # of the exponential moving average of the weights
    pure_noise_ratio: float  # of the samples at flow time 0, where one-step decoding starts
    age_min_ms: float
    age_typical_ms: float  # most ages lie below
    age_max_ms: float
    joint_noise_rad: float
    joint_dropout_ratio: float
    brightness_ratio: float
    foreseen_weight_ratio: float
    threads: int
    seed: int

    def __post_init__(self) -> None:
        """Check ages and ratios."""
        ages = (self.age_min_ms, self.age_typical_ms, self.age_max_ms)
        require(0 < ages[0] < ages[1] <= ages[2], "age_max_ms", ages, "min < typical <= max, all above 0")
        require(0 <= self.pure_noise_ratio <= 1, "pure_noise_ratio", self.pure_noise_ratio, "0..1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One policy: its demonstrations, its training and the shape of its chunks."""

    format: int
    name: str
    horizon: int
    step_ms: float
    first_ms: float
    demonstrations: DemonstrationRecipe
    training: TrainingRecipe

    def __post_init__(self) -> None:
        """Check the format, and that chunk times fall on the 10 ms grid that demonstrations are recorded at."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        world = self.demonstrations.world
        require(world == "so101", "demonstrations.world", world, '"so101" for a policy without a family')
        n_rounds = self.demonstrations.n_recovery_rounds
        require(
            n_rounds == 1,
            "demonstrations.tasks[0].recovery_episodes",
            n_rounds,
            "one round for a policy without a family",
        )
        for key in ("step_ms", "first_ms"):
            require(getattr(self, key) % 10 == 0, key, getattr(self, key), "a multiple of 10")

    @property
    def instructions(self) -> tuple[str, ...]:
        """Return the instructions the policy follows."""
        return self.demonstrations.instructions


def load_recipe(path: Path) -> Recipe:
    """Return the recipe at `path`; raises ConfigError naming file, key, value and expectation."""
    return load_toml(path, Recipe)
