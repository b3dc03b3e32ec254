"""Train a policy by a recipe (distill/recipes/*.toml). Goes on where it stopped when called again with the same folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interfaces.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", type=Path, help="for example distill/recipes/so101_small.toml")
    parser.add_argument("--out", type=Path, help="folder of the run; default runs/<name of the recipe>")


def run(arguments: argparse.Namespace) -> int:
    """Run the recipe with a progress bar a stage."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from distill.recipe import load_recipe
    from distill.stages import run_recipe

    recipe = load_recipe(arguments.recipe)
    folder = arguments.out or Path("runs") / recipe.name
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[text]}"),
    )  # fmt: skip
    with Bars(*columns) as bars:

        def start_stage(title: str) -> Progress:
            task = bars.add_task(title, total=None, text="")
            return lambda done, total, text: bars.update(task, completed=done, total=total, text=text)

        policy = run_recipe(recipe, folder, start_stage)
    print(f"trained: {policy}\nnext:    forerun export {folder} robots/bundles/{recipe.name}")
    return 0
