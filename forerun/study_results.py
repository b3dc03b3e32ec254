"""What `forerun study` leaves for people: tables, pictures and CSV files of all that has been tried until now."""

from __future__ import annotations

import hashlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.study.heat_map import Layout
    from bench.study.table import Heading
    from bench.study.trials import Scenes, Trial
    from distill.svam.arms.grid import GridRecipe
    from distill.svam.arms.study import StudyRecipe
    from distill.svam.arms.training import Workshop


def command() -> str:
    """Return the command that is running, as one would type it."""
    return shlex.join(["forerun", *sys.argv[1:]])


def trials_file(scenes: Scenes) -> str:
    """Return the name of the file in a policy's folder that says what became of it in these scenes."""
    return f"trials-{scenes.first_seed}-{scenes.n_seeds}-{scenes.time_limit_s:g}s.csv"


def heading_of(study_file: Path, study: StudyRecipe) -> Heading:
    """Return what stands above the tables."""
    from bench.study.table import Heading
    from export.provenance import provenance_of_this_tree

    made, recipe_file = provenance_of_this_tree(command(), ""), study_file.parent / study.recipe
    files = ", ".join(
        f"`{path.name}` (sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:16]})"
        for path in (study_file, recipe_file)
    )
    regime, trials = study.regime, study.trials
    return Heading(
        title=study.name,
        facts=(
            f"command: `{made.command}`", f"study and recipe: {files}", f"commit {made.commit}, {made.created}",
            f"demonstrations a task: {regime.demonstrations}; {regime.fit.steps} steps of {regime.fit.batch_size};"
            f" joints {'seen' if regime.joints else 'not seen'}; training seeds {', '.join(map(str, study.seeds))}",
            f"unseen scenes a task: {trials.seeds}, from seed {trials.first_seed}, {trials.time_limit_s:g} s each, in lockstep",
        ),
        about={arm.name: arm.about for arm in study.every_arm},
        against=study.against,
    )  # fmt: skip


def write_results(shop: Workshop, heading: Heading, tried_file: str) -> None:
    """Write the results of all that has been tried until now, by this command or an earlier one."""
    from bench.study.draws import read_draws, write_draws_table
    from bench.study.held_out import read_held_out
    from bench.study.latency import LATENCY_FILE, read_latency
    from bench.study.picture import write_picture
    from bench.study.table import markdown
    from bench.study.trials import read_trials, write_trials
    from distill.svam.arms.draws import DRAWS_FILE
    from interfaces.durable import write_whole

    cells = [(shop.cell(arm, seed), arm.name, seed) for arm in shop.study.every_arm for seed in shop.study.seeds]
    tried = [cell for cell in cells if (cell[0] / tried_file).exists()]
    trials = [trial for folder, _, _ in tried for trial in read_trials(folder / tried_file)]
    looks = [read_held_out(folder / "figures.jsonl", arm, seed) for folder, arm, seed in tried]
    asked = [read_draws(cell / DRAWS_FILE, arm, seed, read_latency(cell / LATENCY_FILE)) for cell, arm, seed in tried]
    draws = [one for one in asked if one is not None]
    write_trials(shop.out / "results.csv", trials)
    page = markdown(heading, trials, [look for look in looks if look is not None], draws)
    write_whole(shop.out / "results.md", page.encode())
    write_picture(shop.out / "results.png", trials)
    if draws:
        write_draws_table(shop.out / "draws.csv", draws)
    if shop.study.grid is not None:
        _write_heat_map(shop.out / "heat-map.png", trials, shop.study.grid)


def _write_heat_map(path: Path, trials: list[Trial], grid: GridRecipe) -> None:
    from bench.study.heat_map import write_heat_map

    tasks = tuple(dict.fromkeys(trial.task for trial in trials))
    one_way = tuple(task for task in tasks if task not in grid.several_ways)
    groups = {"one way": one_way} if one_way else {}
    groups |= {task: (task,) for task in grid.several_ways if task in tasks}
    write_heat_map(path, trials, _layout(grid, groups))


def _layout(grid: GridRecipe, groups: dict[str, tuple[str, ...]]) -> Layout:
    from bench.study.heat_map import Layout
    from distill.svam.arms.grid import arm_name

    heads = {head.name: head for head in grid.heads}

    def arm(horizon: int, head: str, steps: int) -> str | None:
        return arm_name(horizon, heads[head], steps) if steps in heads[head].steps else None

    return Layout(heads=tuple(heads), steps=grid.steps, horizons=grid.horizons, groups=groups, arm=arm)
