"""Compare policies that differ in one thing each (distill/recipes/so101_study.toml): train them from one finished run, and try them all.

Each arm and training seed is a folder; what is finished is not done again, and what was killed goes on. How long the rest will take is
said first. Results so far are written after each: results.csv (a row an episode), results.md and results.png; for a study with a grid
(distill/recipes/so101_one_step.toml) also draws.csv and heat-map.png."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from forerun.defaults import SIMULATED_ROBOT, count

if TYPE_CHECKING:
    from bench.study.trials import Scenes
    from distill.svam.arms.arm import ArmRecipe
    from distill.svam.arms.training import Workshop
    from interfaces.progress import StartStage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("study", type=Path, help="for example distill/recipes/so101_study.toml")
    parser.add_argument(
        "--run", type=Path, required=True, help="folder of a finished `forerun distill` by the study's recipe"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the study")
    parser.add_argument(
        "--arms", nargs="+", metavar="ARM", help="only these arms of the study; patterns as of file names, 'h16-*'"
    )
    parser.add_argument("--estimate", action="store_true", help="say how long it will take, and end")
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
    from forerun.study_results import heading_of, trials_file, write_results

    study, recipe = load_study(arguments.study)
    cells = cells_of(study, arguments.arms, arguments.training_seeds)
    recipe_folder = (arguments.study.parent / study.recipe).parent
    finished = FinishedRun(
        folder=arguments.run, recipe=recipe, recipe_folder=recipe_folder, compute=choose_compute(recipe.threads)
    )
    shop = Workshop(study=study, finished=finished, out=arguments.out)
    trials = study.trials
    scenes = Scenes(
        robot_file=arguments.robot, first_seed=trials.first_seed, n_seeds=trials.seeds,
        time_limit_s=trials.time_limit_s, workers=arguments.workers,
    )  # fmt: skip
    _estimate(shop, cells, scenes)
    if arguments.estimate:
        return 0
    finished.require_finished()
    heading = heading_of(arguments.study, study)
    for number, (arm, seed) in enumerate(cells, start=1):
        print(f"{number}/{len(cells)}  {arm.name}, training seed {seed}")
        with stages() as start_stage:
            _try(shop, arm, seed, scenes, start_stage)
        write_results(shop, heading, trials_file(scenes))
    print(f"results: {arguments.out / 'results.md'}")
    return 0


def _estimate(shop: Workshop, cells: list[tuple[ArmRecipe, int]], scenes: Scenes) -> None:
    from distill.svam.arms.cost import estimate, told
    from forerun.study_results import trials_file

    def tried(arm: ArmRecipe, seed: int) -> bool:
        return (shop.cell(arm, seed) / trials_file(scenes)).exists()

    done = sum(tried(*cell) for cell in cells)
    print(f"{len(cells)} policies, {done} of them tried already; to be done:")
    for line in told(estimate(shop, cells, tried, scenes.workers)) or ("the study has no table [cost]",):
        print(f"  {line}")


def _try(shop: Workshop, arm: ArmRecipe, seed: int, scenes: Scenes, start_stage: StartStage) -> None:
    """Make and try one policy, as far as that has not been done."""
    from bench.study.latency import LATENCY_FILE, write_latency
    from bench.study.trials import try_bundle, write_trials
    from distill.svam.arms.questions import ask
    from distill.svam.arms.training import train_cell
    from forerun.study_results import trials_file

    folder = train_cell(shop, arm, seed, start_stage)
    ask(shop, arm, seed, start_stage)
    tried, bundle = folder / trials_file(scenes), folder / "bundle"
    if not tried.exists():
        if not bundle.exists():
            _export(shop, arm, folder, bundle, start_stage)
        write_trials(tried, try_bundle(bundle, arm.name, seed, scenes, start_stage("trials in lockstep")))
    if shop.study.draws is not None and not (folder / LATENCY_FILE).exists():
        tell = start_stage("how long its action graph takes")
        write_latency(bundle, folder / LATENCY_FILE)
        tell(1, 1, "")


def _export(shop: Workshop, arm: ArmRecipe, folder: Path, bundle: Path, start_stage: StartStage) -> None:
    from dataclasses import replace

    from distill.svam.arms.controls import shuffled, zeroed
    from export.bundle_writer import write_bundle
    from export.policy_source import load_source
    from export.provenance import provenance_of_this_tree
    from forerun.study_results import command
    from models.svam.policy import load_policy

    tell = start_stage("torch to ONNX")
    tell(0, 1, "")
    policy = load_source(str(folder))
    if arm.foresight != "own":
        own = load_policy(folder / "policy.pt")
        control = zeroed(own) if arm.foresight == "zeroed" else shuffled(own, shop.finished)
        policy = replace(policy, foresight=replace(policy.foresight, network=control))
    write_bundle(policy, provenance_of_this_tree(command(), f"arm {arm.name} of study {shop.study.name}"), bundle)
    tell(1, 1, "")
