"""The last stages: foresights of the demonstrated pictures, the action expert on top of them, and again where it lost its way.

students -> foresights -> condenser, context encoder and action network -> first.pt
    -> recovery (the policy drives, the demonstrator takes over) -> their foresights -> training goes on -> ... -> policy.pt

There is a round for each `[[expert.recovery]]` in the recipe; without one the first policy is the last.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from distill.recovery import job_name, missing_policies, policy_files, record_recoveries, recoveries
from distill.stages import POLICY_FILE, SAMPLES_FILE, record_samples
from distill.svam.clips import ClipIndex, read_index
from distill.svam.demonstrated import Demonstrated, choose_pictures
from distill.svam.expert_stage import ExpertJob
from distill.svam.foresights import Foresights, write_foresights
from distill.svam.run import EPISODES, STUDENTS_FILE, VIDEO_FILE, Run
from interfaces.errors import ForerunError
from models.svam.policy import SvamPolicy, load_policy, save_policy

FORESIGHTS = "foresights/*.npy"


def learn_to_act(run: Run, policy: SvamPolicy, shards: list[Path], index: ClipIndex) -> Path:
    """Run what is missing of these stages, and return the whole policy's checkpoint."""
    recipe = run.recipe.expert
    run.made_from((FORESIGHTS,), VIDEO_FILE, STUDENTS_FILE, expert={"sees": recipe.sees})
    files = policy_files(len(recipe.recovery))
    for number, name in enumerate(files):
        if (run.folder / name).exists():
            _made_from(run, number)
    for number in missing_policies(run.folder, files):
        if number:
            policy = load_policy(run.folder / files[number - 1])
        recovered = record_recoveries(run, run.recipe.demonstrations, number)
        _fit(run, number, policy, _demonstrated(run, shards + recovered, len(index)))
    if not (run.folder / SAMPLES_FILE).exists():
        record_samples(policy.config, run.folder / SAMPLES_FILE, run.recipe.demonstrations.world)
    return run.folder / POLICY_FILE


def _demonstrated(run: Run, shards: list[Path], first_recovery: int) -> tuple[Demonstrated, Foresights]:
    index = read_index(shards, run.recipe.held_out_every)
    chosen = choose_pictures(index, run.recipe.expert.demonstrations, first_recovery)
    if len(chosen.learnt) == 0 or len(chosen.held_out) == 0:
        raise ForerunError(
            f"{run.folder / 'episodes'}: no episode to learn actions from, or none held out; record more of them"
        )
    demonstrated = Demonstrated(run.recipe.sampling(), shards, index, chosen)
    return demonstrated, Foresights(run.foresights, shards, demonstrated.n_pictures)


def _fit(run: Run, number: int, policy: SvamPolicy, told: tuple[Demonstrated, Foresights]) -> None:
    demonstrated, foresights = told
    recipe = run.recipe.expert
    with run.first_alone("foresights"), run.memory("foresights"):
        write_foresights(run, policy, foresights, demonstrated.chosen.all)
    if number == 0:
        demonstrated.fit_statistics(policy)
    plan, path = (recipe.fit, *recipe.recovery)[number], run.folder / policy_files(len(recipe.recovery))[number]
    job = ExpertJob(job_name(number, "expert"), policy, told, plan.batch_size, recipe.draws_per_picture)
    sizes: dict[str, Any] = {"horizon": run.recipe.horizon, "objective": recipe.objective}
    _made_from(run, number)
    trained = run.fit(job, plan, sizes)
    assert isinstance(trained, SvamPolicy)
    with run.first_alone(path.name):
        if run.first:
            save_policy(trained.cpu(), path)
            (run.folder / f"{job.name}.state").unlink(missing_ok=True)


def _made_from(run: Run, number: int) -> None:
    """Note what a policy is made from, or compare it. Raises ConfigError."""
    recipe = run.recipe
    files = policy_files(len(recipe.expert.recovery))
    made = (files[number], f"{job_name(number, 'expert')}.state")
    if number:
        run.made_from(made, files[number - 1], *recoveries(number))
        return
    told = {key: value for key, value in asdict(recipe.expert).items() if key not in {"fit", "recovery"}}
    told |= {"horizon": recipe.horizon, "step_ms": recipe.step_ms, "first_ms": recipe.first_ms}
    run.made_from(made, EPISODES, VIDEO_FILE, STUDENTS_FILE, expert=told)
