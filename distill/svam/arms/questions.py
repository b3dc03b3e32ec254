"""Asks the policies of a study what they answer: the questions are made once for all of them, the answers once a policy.

OUT/questions/moments.npz    held-out moments of every task
OUT/questions/forks.npz      scenes of `choose`, demonstrated both ways, where the study's run has that task
OUT/cells/.../draws.json     what a policy's answers come to
"""

from __future__ import annotations

from pathlib import Path

from distill.stages import POLICY_FILE
from distill.svam.arms.arm import ArmRecipe
from distill.svam.arms.draws import DRAWS_FILE, draws_at_forks, read_moments, spread_by_task, write_draws, write_moments
from distill.svam.arms.forks import TASK, read_forks, write_forks
from distill.svam.arms.study import DrawsRecipe
from distill.svam.arms.training import Workshop
from interfaces.progress import StartStage
from models.svam.policy import load_policy

_TICK_S = 0.05


def ask(shop: Workshop, arm: ArmRecipe, seed: int, start_stage: StartStage) -> None:
    """Ask the trained policy of an arm, where the study says what and it has not been asked; an arm without its foresight is not."""
    path, plan = shop.cell(arm, seed) / DRAWS_FILE, shop.study.draws
    if plan is None or arm.foresight != "own" or path.exists():
        return
    moments_file, forks_file = _questions(shop, plan, start_stage)
    progress = start_stage("draws")
    progress(0, 2, "")
    policy = load_policy(shop.cell(arm, seed) / POLICY_FILE)
    spread_rad = spread_by_task(policy, read_moments(moments_file), plan.noises)
    progress(1, 2, "")
    age_s = shop.finished.recipe.expert.age_min_ms / 1000.0
    forks = None if forks_file is None else draws_at_forks(policy, read_forks(forks_file), age_s, plan.noises)
    write_draws(path, spread_rad, forks)
    progress(2, 2, "")


def _questions(shop: Workshop, plan: DrawsRecipe, start_stage: StartStage) -> tuple[Path, Path | None]:
    """Make what is missing of the questions, and return their files."""
    recipe, folder = shop.finished.recipe, shop.out / "questions"
    folder.mkdir(parents=True, exist_ok=True)
    moments, forks = folder / "moments.npz", folder / "forks.npz"
    if not moments.exists():
        write_moments(moments, shop.finished, plan.pictures)
    if TASK not in recipe.demonstrations.instructions:
        return moments, None
    if not forks.exists():
        longest = max([recipe.horizon, *(arm.horizon or 0 for arm in shop.study.every_arm)])
        span_s = _TICK_S * -(-(recipe.first_ms + recipe.step_ms * longest) // (1000.0 * _TICK_S))
        seeds = range(plan.first_seed, plan.first_seed + plan.scenes)
        assert recipe.demonstrations.video_px is not None
        write_forks(forks, recipe.demonstrations.video_px, seeds, span_s, start_stage("scenes demonstrated both ways"))
    return moments, forks
