"""The last stages: foresights of the demonstrated pictures, and the action expert on top of them.

students -> foresights -> condenser, context encoder and action network -> policy.pt
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distill.stages import POLICY_FILE, SAMPLES_FILE, record_samples
from distill.svam.clips import ClipIndex, read_pictures
from distill.svam.demonstrated import Demonstrated, Foresights
from distill.svam.expert_stage import ExpertJob, write_foresights
from distill.svam.run import Run
from interfaces.errors import ForerunError
from models.svam.policy import SvamPolicy, save_policy


def learn_to_act(run: Run, policy: SvamPolicy, shards: list[Path], index: ClipIndex) -> Path:
    """Run what is missing of these stages, and return the whole policy's checkpoint."""
    path = run.folder / POLICY_FILE
    if not path.exists():
        _train(run, policy, shards, index)
    if not (run.folder / SAMPLES_FILE).exists():
        record_samples(policy.config, run.folder / SAMPLES_FILE)
    return path


def _train(run: Run, policy: SvamPolicy, shards: list[Path], index: ClipIndex) -> None:
    recipe = run.recipe.expert
    demonstrated = Demonstrated(run.recipe, shards, index)
    if len(demonstrated.learnt) == 0 or len(demonstrated.held_out) == 0:
        raise ForerunError(
            f"{run.folder / 'episodes'}: no episode to learn actions from, or none held out; record more of them"
        )
    foresights = Foresights(run.foresights, len(demonstrated.picture))
    chosen = read_pictures(shards, len(index))[demonstrated.picture]
    with run.memory("foresights"):
        write_foresights(run, policy, foresights, chosen, index.task[demonstrated.picture])
    demonstrated.fit_statistics(policy)
    job = ExpertJob(policy, demonstrated, foresights, recipe.fit.batch_size)
    sizes: dict[str, Any] = {"horizon": run.recipe.horizon, "objective": recipe.objective}
    trained = run.fit(job, recipe.fit, sizes)
    assert isinstance(trained, SvamPolicy)
    save_policy(trained.cpu(), run.folder / POLICY_FILE)
    (run.folder / f"{job.name}.state").unlink(missing_ok=True)
