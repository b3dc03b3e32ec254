"""A run's folder on a machine: what the stages of every recipe share."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from distill.checkpoint import check_sizes
from distill.compute import Compute, memory_for
from distill.fitting import FitRecipe, Job, Surroundings, fit
from distill.lineage import check_lineage
from distill.svam.figures import add_figures
from interfaces.progress import StartStage
from models.torch_file import read_torch, write_torch


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """Where stages find what they need and leave what they make."""

    folder: Path
    compute: Compute
    start_stage: StartStage

    def memory(self, stage: str) -> AbstractContextManager[None]:
        """Return what says in one line when memory does not suffice."""
        return memory_for(stage)

    @property
    def first(self) -> bool:
        """Return whether this is the process that writes files, of several or of one."""
        return self.compute.processes.rank == 0

    def first_alone(self, stage: str) -> AbstractContextManager[None]:
        """Return what lets the first of several processes through, and then the others, who find its files."""
        return self.compute.processes.first_alone(stage)

    def made_from(self, made: tuple[str, ...], *files: str, **told: dict[str, Any]) -> None:
        """Note what an artefact is made from, or raise ConfigError where it is there and was made from something else.

        `made` is the artefact and the state of its stage, `files` what it is made from: paths or patterns in the run's folder;
        `told` are tables of the recipe.
        """
        if self.first:
            check_lineage(self.folder, made, files, told)

    def fit(self, job: Job, plan: FitRecipe, sizes: dict[str, Any]) -> nn.Module:
        """Return the job's trained network."""
        around = Surroundings(
            compute=self.compute, folder=self.folder, sizes=sizes, report=partial(add_figures, self.folder),
            progress=self.start_stage(job.name),
        )  # fmt: skip
        with memory_for(job.name):
            return fit(job, plan, around)


def finish(run: RunFolder, path: Path, sizes: dict[str, Any], network: nn.Module) -> None:
    """Write a trained network, and delete the state that it was trained from."""
    with run.first_alone(path.name):
        if run.first:
            write_torch(path, {"sizes": sizes, "weights": network.state_dict()})
            path.with_suffix(".state").unlink(missing_ok=True)


def load(path: Path, sizes: dict[str, Any], network: nn.Module) -> None:
    """Give a network its trained weights; raises ConfigError when the file is damaged or of other sizes."""
    saved = read_torch(path, torch.device("cpu"))
    check_sizes(path, saved, sizes)
    network.load_state_dict(saved["weights"])
    network.eval()
