"""Recovery rounds: a half-trained policy drives first, and the demonstrator takes over where it lost its way.

    expert's episodes -> first.pt -> its recoveries -> second.pt -> its recoveries -> ... -> policy.pt

Each policy learns from the expert's episodes and from the recoveries of all before it. Without a round the first policy is the last.
Source: DAgger (Ross et al., arXiv 1011.0686), with whole stretches of the expert, as chunks need them, in the place of single actions.
"""

from __future__ import annotations

from pathlib import Path

from distill.demonstrations import plan_shards, record, shards_of
from distill.recipe import DemonstrationRecipe
from distill.run_folder import RunFolder
from distill.stages import POLICY_FILE

BEFORE = ("first.pt", "second.pt", "third.pt", "fourth.pt")  # the last: RECOVERY_ROUNDS_MAX


def policy_files(n_rounds: int) -> tuple[str, ...]:
    """Return the files of a run's policies, one more than there are rounds."""
    return (*BEFORE[:n_rounds], POLICY_FILE)


def missing_policies(folder: Path, files: tuple[str, ...]) -> range:
    """Return the numbers of the policies that are still to be trained: those behind the last that is there."""
    there = [number for number, name in enumerate(files) if (folder / name).exists()]
    return range(there[-1] + 1 if there else 0, len(files))


def recoveries(n_rounds: int) -> tuple[str, ...]:
    """Return the patterns of the files that the first so many rounds leave in a run's folder."""
    return tuple(f"episodes/{shards_of(number)}-*.npz" for number in range(1, n_rounds + 1))


def job_name(number: int, first: str) -> str:
    """Return the name of the job that trains a run's policy of this number; `first` is that of the first."""
    return shards_of(number) if number else first


def record_recoveries(run: RunFolder, demonstrations: DemonstrationRecipe, n_rounds: int) -> list[Path]:
    """Record what is missing of the first so many rounds, and return the files; none where nothing succeeded."""
    found: list[Path] = []
    for number in range(1, n_rounds + 1):
        plan = plan_shards(demonstrations, run.folder / "episodes", number)
        run.made_from(recoveries(number)[-1:], BEFORE[number - 1])
        with run.first_alone("recovery"):
            if run.first and not all(shard.path.exists() for shard in plan):
                progress = run.start_stage(f"{shards_of(number)}: the policy drives first")
                record(demonstrations, plan, run.folder / BEFORE[number - 1], progress)
        found += [shard.path for shard in plan if shard.path.exists()]
    return found
