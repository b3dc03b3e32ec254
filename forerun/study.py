"""Compare policies that differ in one thing each (distill/recipes/so101_study.toml): train them from one finished run, and try them all.

Each arm and training seed is a folder; what is finished is not done again, and what was killed goes on. Results so far are written
after each: results.csv (a row an episode), results.md and results.png."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from forerun.defaults import SIMULATED_ROBOT, count

if TYPE_CHECKING:
    from bench.study.table import Heading
    from bench.study.trials import Scenes
    from distill.svam.arms.study import ArmRecipe, StudyRecipe
    from distill.svam.arms.training import Workshop
    from interfaces.progress import StartStage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("study", type=Path, help="for example distill/recipes/so101_study.toml")
    parser.add_argument(
        "--run", type=Path, required=True, help="folder of a finished `forerun distill` by the study's recipe"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the study")
    parser.add_argument("--arms", nargs="+", metavar="ARM", help="only these arms of the study")
    parser.add_argument(
        "--training-seeds", nargs="+", type=int, metavar="SEED", help="only these of its training seeds"
    )
    parser.add_argument("--robot", type=Path, default=SIMULATED_ROBOT, help="robot file of the simulator")
    parser.add_argument(
        "--workers", type=count, default=os.cpu_count() or 1, help="processes of the simulator; default one a core"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, export and try what is missing, with progress, and write the results."""
    from bench.study.trials import Scenes
    from distill.compute import choose_compute
    from distill.svam.arms.finished_run import FinishedRun
    from distill.svam.arms.study import cells_of, load_study
    from distill.svam.arms.training import Workshop
    from forerun.stages import stages

    study, recipe = load_study(arguments.study)
    cells = cells_of(study, arguments.arms, arguments.training_seeds)
    recipe_folder = (arguments.study.parent / study.recipe).parent
    finished = FinishedRun(
        folder=arguments.run, recipe=recipe, recipe_folder=recipe_folder, compute=choose_compute(recipe.threads)
    )
    finished.require_finished()
    shop = Workshop(study=study, finished=finished, out=arguments.out)
    trials = study.trials
    scenes = Scenes(
        robot_file=arguments.robot, first_seed=trials.first_seed, n_seeds=trials.seeds,
        time_limit_s=trials.time_limit_s, workers=arguments.workers,
    )  # fmt: skip
    heading = _heading(arguments.study, study)
    for number, (arm, seed) in enumerate(cells, start=1):
        print(f"{number}/{len(cells)}  {arm.name}, training seed {seed}")
        with stages() as start_stage:
            _try(shop, arm, seed, scenes, start_stage)
        _write(shop, heading, scenes)
    print(f"results: {arguments.out / 'results.md'}")
    return 0


def _try(shop: Workshop, arm: ArmRecipe, seed: int, scenes: Scenes, start_stage: StartStage) -> None:
    """Make and try one policy, as far as that has not been done."""
    from bench.study.trials import try_bundle, write_trials
    from distill.svam.arms.training import train_cell

    folder = train_cell(shop, arm, seed, start_stage)
    tried, bundle = folder / _trials_file(scenes), folder / "bundle"
    if tried.exists():
        return
    if not bundle.exists():
        _export(shop, arm, folder, bundle, start_stage)
    write_trials(tried, try_bundle(bundle, arm.name, seed, scenes, start_stage("trials in lockstep")))


def _trials_file(scenes: Scenes) -> str:
    return f"trials-{scenes.first_seed}-{scenes.n_seeds}-{scenes.time_limit_s:g}s.csv"


def _export(shop: Workshop, arm: ArmRecipe, folder: Path, bundle: Path, start_stage: StartStage) -> None:
    from dataclasses import replace

    from distill.svam.arms.controls import shuffled, zeroed
    from export.bundle_writer import write_bundle
    from export.policy_source import load_source
    from export.provenance import provenance_of_this_tree
    from models.svam.policy import load_policy

    tell = start_stage("torch to ONNX")
    tell(0, 1, "")
    policy = load_source(str(folder))
    if arm.foresight != "own":
        own = load_policy(folder / "policy.pt")
        control = zeroed(own) if arm.foresight == "zeroed" else shuffled(own, shop.finished)
        policy = replace(policy, foresight=replace(policy.foresight, network=control))
    write_bundle(policy, provenance_of_this_tree(_command(), f"arm {arm.name} of study {shop.study.name}"), bundle)
    tell(1, 1, "")


def _heading(study_file: Path, study: StudyRecipe) -> Heading:
    import hashlib

    from bench.study.table import Heading
    from export.provenance import provenance_of_this_tree

    made, recipe_file = provenance_of_this_tree(_command(), ""), study_file.parent / study.recipe
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
        about={arm.name: arm.about for arm in study.arms},
    )  # fmt: skip


def _write(shop: Workshop, heading: Heading, scenes: Scenes) -> None:
    """Write the results of all that has been tried until now, by this command or an earlier one."""
    from bench.study.held_out import read_held_out
    from bench.study.picture import write_picture
    from bench.study.table import markdown
    from bench.study.trials import read_trials, write_trials
    from interfaces.durable import write_whole

    cells = [(shop.cell(arm, seed), arm.name, seed) for arm in shop.study.arms for seed in shop.study.seeds]
    tried = [cell for cell in cells if (cell[0] / _trials_file(scenes)).exists()]
    trials = [trial for folder, _, _ in tried for trial in read_trials(folder / _trials_file(scenes))]
    looks = [read_held_out(folder / "figures.jsonl", arm, seed) for folder, arm, seed in tried]
    write_trials(shop.out / "results.csv", trials)
    page = markdown(heading, trials, [look for look in looks if look is not None])
    write_whole(shop.out / "results.md", page.encode())
    write_picture(shop.out / "results.png", trials)


def _command() -> str:
    return shlex.join(["forerun", *sys.argv[1:]])
