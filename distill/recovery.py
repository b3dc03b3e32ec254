"""Recovery episodes: a half-trained policy drives first, and the demonstrator takes over where it lost its way."""

from __future__ import annotations

from pathlib import Path

from distill.demonstrations import plan_shards, record
from distill.recipe import DemonstrationRecipe
from distill.run_folder import RunFolder

FIRST_FILE, RECOVERIES = "first.pt", "episodes/recovery-*.npz"


def record_recoveries(run: RunFolder, demonstrations: DemonstrationRecipe) -> list[Path]:
    """Record what is missing of them with the run's first policy, and return the files; none where nothing succeeded."""
    plan = plan_shards(demonstrations, run.folder / "episodes", recovery=True)
    run.made_from((RECOVERIES,), FIRST_FILE)
    with run.first_alone("recovery"):
        if run.first and not all(shard.path.exists() for shard in plan):
            record(demonstrations, plan, run.folder / FIRST_FILE, run.start_stage("recovery: the policy drives first"))
    return [shard.path for shard in plan if shard.path.exists()]
