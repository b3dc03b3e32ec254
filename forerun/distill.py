"""Train a policy by a recipe (distill/recipes/*.toml). Goes on where it stopped when called again with the same folder.

On several GPUs: accelerate launch --multi_gpu --num_processes 8 -m forerun distill RECIPE (docs/training.md).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.progress import Progress, StartStage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", type=Path, help="for example distill/recipes/so101_small.toml")
    parser.add_argument("--out", type=Path, help="folder of the run; default runs/<name of the recipe>")
    parser.add_argument("--from-run", type=Path, help="the S-VAM run to stand on, where the recipe names one")


def run(arguments: argparse.Namespace) -> int:
    """Run the recipe with a progress bar a stage."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from interfaces.errors import ConfigError, ForerunError, RefusedError
    from interfaces.toml_loader import read_toml
    from models.families import FAMILIES

    family = str(read_toml(arguments.recipe).get("family", _FIRST_FAMILY))
    families = {**_WITH_STAGES_OF_THEIR_OWN, **{name: _family for name, known in FAMILIES.items() if known.trainable}}
    if family not in families:
        raise ConfigError(str(arguments.recipe), "family", family, f"one of {', '.join(families)}")
    if arguments.from_run is not None and families[family] is not _family:
        raise RefusedError(f"--from-run is for recipes that stand on another run; {arguments.recipe} does not")
    name, follow = families[family](arguments)
    folder = arguments.out or Path("runs") / name
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[text]}"),
    )  # fmt: skip
    with Bars(*columns) as bars:

        def start_stage(title: str) -> Progress:
            task = bars.add_task(title, total=None, text="")
            return lambda done, total, text: bars.update(task, completed=done, total=total, text=text)

        try:
            made = follow(folder, start_stage)
        except OSError as error:
            raise ForerunError(f"{error}; what is finished is kept: start the same command again") from error
    from distill.processes import speaks

    if speaks():
        print(f"trained: {made}\nnext:    forerun export {folder} robots/bundles/{name}")
    return 0


def _small(arguments: argparse.Namespace) -> tuple[str, Callable[[Path, StartStage], Path]]:
    from distill.processes import refuse_company
    from distill.recipe import load_recipe
    from distill.stages import run_recipe

    refuse_company("small")
    recipe = load_recipe(arguments.recipe)
    return recipe.name, lambda folder, start_stage: run_recipe(recipe, folder, start_stage)


def _svam(arguments: argparse.Namespace) -> tuple[str, Callable[[Path, StartStage], Path]]:
    from distill.svam.recipe import load_svam_recipe
    from distill.svam.stages import run_svam_recipe

    recipe = load_svam_recipe(arguments.recipe)
    return recipe.name, lambda folder, start_stage: run_svam_recipe(
        recipe, arguments.recipe.parent, folder, start_stage
    )


def _svam_paper(arguments: argparse.Namespace) -> tuple[str, Callable[[Path, StartStage], Path]]:
    from distill.paper.recipe import load_paper_recipe
    from distill.paper.stages import run_paper_recipe

    recipe = load_paper_recipe(arguments.recipe)
    return recipe.name, lambda folder, start_stage: run_paper_recipe(
        recipe, arguments.recipe.parent, folder, start_stage
    )


def _family(arguments: argparse.Namespace) -> tuple[str, Callable[[Path, StartStage], Path]]:
    from dataclasses import replace

    from distill.family.recipe import load_family_recipe
    from distill.family.stages import run_family_recipe

    plan = load_family_recipe(arguments.recipe)
    if arguments.from_run is not None:
        plan = replace(plan, recipe=replace(plan.recipe, from_run=str(arguments.from_run)))
    return plan.recipe.name, lambda folder, start_stage: run_family_recipe(
        plan, arguments.recipe.parent, folder, start_stage
    )


_FIRST_FAMILY = "small"  # the recipes of which do not say so
_WITH_STAGES_OF_THEIR_OWN = {"small": _small, "svam": _svam, "svam-paper": _svam_paper}
