"""The last stages: foresights of the demonstrated pictures, the action expert on top of them, and a second time where it lost its way.

students -> foresights -> condenser, context encoder and action network -> first.pt
    -> recovery (the policy drives, the demonstrator takes over) -> their foresights -> training goes on -> policy.pt

Without `[expert.recovery]` in the recipe the first policy is the last.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from distill.fitting import FitRecipe
from distill.recovery import FIRST_FILE, RECOVERIES, record_recoveries
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
    path, recipe = run.folder / POLICY_FILE, run.recipe.expert
    first = path if recipe.recovery is None else run.folder / FIRST_FILE
    run.made_from((FORESIGHTS,), VIDEO_FILE, STUDENTS_FILE, expert={"sees": recipe.sees})
    for name, made in (("expert", first), ("recovery", path))[: 1 if first == path else 2]:
        if made.exists():
            _made_from(run, name, made)
    if not path.exists() and recipe.recovery is None:
        _fit(run, "expert", recipe.fit, policy, _demonstrated(run, shards, len(index)), path)
    elif not path.exists() and recipe.recovery is not None:
        if not first.exists():
            _fit(run, "expert", recipe.fit, policy, _demonstrated(run, shards, len(index)), first)
        policy = load_policy(first)
        recovered = record_recoveries(run, run.recipe.demonstrations)
        _fit(run, "recovery", recipe.recovery, policy, _demonstrated(run, shards + recovered, len(index)), path)
    if not (run.folder / SAMPLES_FILE).exists():
        record_samples(policy.config, run.folder / SAMPLES_FILE, run.recipe.demonstrations.world)
    return path


def _demonstrated(run: Run, shards: list[Path], first_recovery: int) -> tuple[Demonstrated, Foresights]:
    index = read_index(shards, run.recipe.held_out_every)
    chosen = choose_pictures(index, run.recipe.expert.demonstrations, first_recovery)
    if len(chosen.learnt) == 0 or len(chosen.held_out) == 0:
        raise ForerunError(
            f"{run.folder / 'episodes'}: no episode to learn actions from, or none held out; record more of them"
        )
    demonstrated = Demonstrated(run.recipe.sampling(), shards, index, chosen)
    return demonstrated, Foresights(run.foresights, shards, demonstrated.n_pictures)


def _fit(
    run: Run, name: str, plan: FitRecipe, policy: SvamPolicy, told: tuple[Demonstrated, Foresights], path: Path
) -> None:
    demonstrated, foresights = told
    with run.first_alone("foresights"), run.memory("foresights"):
        write_foresights(run, policy, foresights, demonstrated.chosen.all)
    if name == "expert":
        demonstrated.fit_statistics(policy)
    job = ExpertJob(name, policy, told, plan.batch_size, run.recipe.expert.draws_per_picture)
    sizes: dict[str, Any] = {"horizon": run.recipe.horizon, "objective": run.recipe.expert.objective}
    _made_from(run, name, path)
    trained = run.fit(job, plan, sizes)
    assert isinstance(trained, SvamPolicy)
    with run.first_alone(path.name):
        if run.first:
            save_policy(trained.cpu(), path)
            (run.folder / f"{job.name}.state").unlink(missing_ok=True)


def _made_from(run: Run, name: str, path: Path) -> None:
    """Note what a policy is made from, or compare it. Raises ConfigError."""
    recipe = run.recipe
    if name == "recovery":
        run.made_from((path.name, "recovery.state"), FIRST_FILE, RECOVERIES)
        return
    told = {key: value for key, value in asdict(recipe.expert).items() if key not in {"fit", "recovery"}}
    told |= {"horizon": recipe.horizon, "step_ms": recipe.step_ms, "first_ms": recipe.first_ms}
    run.made_from((path.name, "expert.state"), EPISODES, VIDEO_FILE, STUDENTS_FILE, expert=told)
