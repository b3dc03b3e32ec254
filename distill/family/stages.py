"""The stages of a family's policy, each kept in the run's folder, so that the same command goes on where it stopped.

    a run of S-VAM, finished up to its video model: episodes, latents, video.pt
        -> policy -> first.pt -> recovery (it drives, the demonstrator takes over) -> their latents -> training goes on -> policy.pt

Of the S-VAM run nothing is changed: its files are links in this one's folder, and made-from.json says which they were. There is a
round of recovery for each `[[recovery]]` in the recipe; without one the first policy is the last.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill.compute import choose_compute
from distill.family.family_stage import FamilyJob
from distill.family.moments import Moments, Reach
from distill.family.recipe import FamilyPlan
from distill.recovery import job_name, missing_policies, policy_files, record_recoveries, recoveries
from distill.run_folder import RunFolder
from distill.stages import POLICY_FILE, SAMPLES_FILE, record_samples
from distill.svam.arms.finished_run import FinishedRun, link
from distill.svam.autoencoder_stage import episode_gains, write_latents
from distill.svam.clips import LATENTS_FILE, ClipIndex, open_latents, read_index, read_pictures
from distill.svam.demonstrated import Demonstrated, choose_pictures
from distill.svam.run import EPISODES, VIDEO_FILE
from interfaces.errors import ForerunError
from interfaces.progress import StartStage, silent
from models.families import load_policy, save_policy
from models.policy import TrainablePolicy, as_trainable
from models.svam.flow_video_model import FlowVideoModel
from models.svam.policy import SvamPolicy

_JOB = "policy"  # that trains the first one


def run_family_recipe(plan: FamilyPlan, recipe_folder: Path, folder: Path, start_stage: StartStage) -> Path:
    """Run what is missing of a recipe in `folder`, and return the policy's checkpoint.

    `start_stage(title)` is called once a stage that is not finished, and returns what reports its progress.
    """
    recipe, compute = plan.recipe, choose_compute(plan.recipe.threads)
    finished = FinishedRun(
        folder=Path(recipe.from_run), recipe=plan.trained, recipe_folder=(recipe_folder / recipe.recipe).parent,
        compute=compute,
    )  # fmt: skip
    finished.require_video()
    run = RunFolder(
        folder=folder,
        compute=compute,
        start_stage=start_stage if compute.processes.rank == 0 else lambda _title: silent,
    )
    with run.memory(recipe.name):
        made = FamilyRun(plan, run, finished).finish()
    compute.processes.leave()
    return made


class FamilyRun:
    """A family's recipe in a folder, and the run that it stands on."""

    def __init__(self, plan: FamilyPlan, run: RunFolder, finished: FinishedRun) -> None:
        self._plan, self._run, self._finished = plan, run, finished
        self._trained = SvamPolicy(plan.trained.config())
        finished.give_video(self._trained)

    def finish(self) -> Path:
        """Run what is missing, and return the policy's checkpoint."""
        run, recipe = self._run, self._plan.recipe
        with run.first_alone("links"):
            self._link()
        files = policy_files(len(recipe.recovery))
        for number, name in enumerate(files):
            if (run.folder / name).exists():
                self._made_from(number)
        for number in missing_policies(run.folder, files):
            policy = as_trainable(load_policy(run.folder / files[number - 1])) if number else self._untrained()
            self._fit(number, policy)
        samples = run.folder / SAMPLES_FILE
        if run.first and not samples.exists():
            record_samples(self._plan.config(), samples, self._plan.trained.demonstrations.world)
        return run.folder / POLICY_FILE

    def _link(self) -> None:
        folder, finished = self._run.folder, self._finished
        for name in (LATENTS_FILE, VIDEO_FILE):
            link(folder / name, finished.folder / name)
        for shard in finished.shards:
            link(folder / "episodes" / shard.name, shard)

    def _untrained(self) -> TrainablePolicy:
        torch.manual_seed(self._plan.recipe.fit.seed)
        policy = self._plan.policy()
        policy.adopt(self._trained)
        return policy

    def _fit(self, number: int, policy: TrainablePolicy) -> None:
        run, recipe, name = self._run, self._plan.recipe, job_name(number, _JOB)
        plan, path = (recipe.fit, *recipe.recovery)[number], run.folder / policy_files(len(recipe.recovery))[number]
        told, moments = self._moments(policy, record_recoveries(run, self._plan.trained.demonstrations, number), number)
        if number == 0:
            told.fit_statistics(policy)
        self._made_from(number)
        job = FamilyJob(name, policy, moments, plan.batch_size)
        trained = run.fit(job, plan, {"horizon": recipe.horizon, **_plain(self._plan.network)})
        with run.first_alone(path.name):
            if run.first:
                save_policy(as_trainable(trained.cpu()), path)
                (run.folder / f"{name}.state").unlink(missing_ok=True)

    def _moments(self, policy: TrainablePolicy, recovered: list[Path], n_rounds: int) -> tuple[Demonstrated, Moments]:
        plan, finished = self._plan, self._finished
        shards = finished.shards + recovered
        index = read_index(shards, plan.trained.held_out_every)
        chosen = choose_pictures(index, plan.recipe.actions.demonstrations, len(finished.index))
        if len(chosen.learnt) == 0 or len(chosen.held_out) == 0:
            raise ForerunError(
                f"{finished.folder / 'episodes'}: no episode to learn actions from, or none held out; record more of them"
            )
        told = Demonstrated(plan.sampling(), shards, index, chosen)
        latents = open_latents(self._run.folder / LATENTS_FILE, finished.index)
        if recovered:
            latents = torch.cat([latents, self._recovered_latents(recovered, n_rounds)])
        reach = Reach.of(policy, plan.trained.demonstrations.picture_rate_hz)
        return told, Moments(told, index, latents.to(self._run.compute.device), reach)

    def _recovered_latents(self, shards: list[Path], n_rounds: int) -> Tensor:
        run, recipe = self._run, self._plan.trained
        path, index = run.folder / f"{job_name(n_rounds, _JOB)}-latents.npy", read_index(shards, recipe.held_out_every)
        run.made_from((path.name,), *recoveries(n_rounds), VIDEO_FILE)
        with run.first_alone("latents"):
            if not path.exists():
                self._encode(path, shards, index)
        return open_latents(path, index)

    def _encode(self, path: Path, shards: list[Path], index: ClipIndex) -> None:
        recipe, video = self._plan.trained, self._trained.video
        assert isinstance(video, FlowVideoModel)
        pictures, gains = (
            read_pictures(shards, len(index)),
            episode_gains(index, recipe.brightness_ratio, recipe.video.seed),
        )
        progress = self._run.start_stage("latents of the recovery")
        write_latents(video.autoencoder, pictures, gains, path, self._run.compute, progress)

    def _made_from(self, number: int) -> None:
        """Note what a policy is made from, or compare it. Raises ConfigError."""
        recipe = self._plan.recipe
        files = policy_files(len(recipe.recovery))
        made = (files[number], f"{job_name(number, _JOB)}.state")
        if number:
            self._run.made_from(made, files[number - 1], *recoveries(number))
            return
        chunk = {key: getattr(recipe, key) for key in ("horizon", "step_ms", "first_ms")}
        self._run.made_from(
            made, EPISODES, LATENTS_FILE, VIDEO_FILE,
            family={"name": recipe.family}, network=self._plan.network, actions=asdict(recipe.actions), chunk=chunk,
        )  # fmt: skip


def _plain(network: dict[str, Any]) -> dict[str, Any]:
    """Return sizes as they come back from a file."""
    return {key: [*value] if isinstance(value, tuple) else value for key, value in network.items()}
