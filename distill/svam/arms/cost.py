"""How long a study will take, before it begins: from what is missing of it, and what such things were measured to take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from distill.stages import POLICY_FILE
from distill.svam.arms.arm import ArmRecipe
from distill.svam.arms.draws import DRAWS_FILE
from distill.svam.arms.study import CostRecipe, recipe_of
from distill.svam.arms.training import Workshop

Cell = tuple[ArmRecipe, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One kind of work."""

    what: str
    count: int
    core_s: float  # of all of them together, on one core
    cores: int  # that work at once

    @property
    def wall_s(self) -> float:
        """Return how long it takes where nothing else runs."""
        return self.core_s / self.cores


def estimate(
    shop: Workshop, cells: Iterable[Cell], tried: Callable[[ArmRecipe, int], bool], workers: int
) -> list[Part]:
    """Return what is to be done for these cells; nothing where the study does not say what things cost.

    `tried` says whether a cell has been tried in the closed loop; `workers` do so at once.
    """
    study, cost = shop.study, shop.study.cost
    if cost is None:
        return []
    cells, threads = list(cells), shop.finished.recipe.threads
    experts = {(study.trained(arm).name, seed): (study.trained(arm), seed) for arm, seed in cells}
    untrained = [cell for cell in experts.values() if not (shop.cell(*cell) / POLICY_FILE).exists()]
    untried = [cell for cell in cells if not tried(*cell)]
    unasked = [
        cell
        for cell in cells
        if study.draws is not None and cell[0].foresight == "own" and not (shop.cell(*cell) / DRAWS_FILE).exists()
    ]
    unexported = [cell for cell in untried if not (shop.cell(*cell) / "bundle").exists()]
    n_episodes = study.trials.seeds * len(shop.finished.recipe.demonstrations.tasks)
    foresights_s = cost.foresights_s if untrained and not (shop.out / "foresights").exists() else 0.0
    expert_s = [study.regime.fit.steps * cost.expert_step_s * _ratio(cost, arm) for arm, _ in untrained]
    return [
        Part(what="foresights", count=1 if foresights_s else 0, core_s=foresights_s, cores=threads),
        Part(what="experts", count=len(untrained), core_s=sum(expert_s), cores=threads),
        Part(what="exports", count=len(unexported), core_s=_exports_s(shop, cost, unexported), cores=1),
        Part(what="trials", count=len(untried), core_s=len(untried) * n_episodes * cost.episode_s, cores=workers),
        Part(what="draws", count=len(unasked), core_s=len(unasked) * cost.draws_s, cores=threads),
    ]


def _ratio(cost: CostRecipe, arm: ArmRecipe) -> float:
    """Return how many times a velocity flow's training the training of an arm takes."""
    return {"mean-flow": cost.mean_flow_ratio, "imle": cost.imle_ratio}.get(arm.objective or "", 1.0)


def _exports_s(shop: Workshop, cost: CostRecipe, cells: list[Cell]) -> float:
    return sum(cost.export_s + cost.export_step_s * (_steps(shop, *cell) - 1) for cell in cells)


def _steps(shop: Workshop, arm: ArmRecipe, seed: int) -> int:
    return recipe_of(shop.study, shop.finished.recipe, arm, seed).expert.steps_of_decoding


def told(parts: Iterable[Part]) -> list[str]:
    """Return the estimate as lines for people."""
    parts = list(parts)
    width = max(len(word) for word in (*(part.what for part in parts), "together"))
    lines = [f"{part.what:{width}}  {part.count:5d}  {_hours(part.wall_s)}" for part in parts]
    total_s = sum(part.wall_s for part in parts)
    return (
        [*lines, f"{'together':{width}}         {_hours(total_s)}, if every episode lasts to its end"] if parts else []
    )


def _hours(seconds: float) -> str:
    minutes = round(seconds / 60.0)
    return f"{minutes // 60:3d} h {minutes % 60:02d} min"
