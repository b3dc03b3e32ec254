"""What a trained policy answers to the same question asked many times, with another noise each time.

At the optimum one step of a velocity flow is E[chunk | what is seen], whatever the noise: the spread over noises says how far it is
from there. In a scene with two right ways (distill/svam/arms/forks.py) that mean is known, and so is how far from either way it is:

    spread          root mean square over pictures, rows and joints of the standard deviation over noises
    from_mean       root mean square error of the answers to E[chunk | what is seen]
    from_nearest    the same to the nearer of both ways, answer by answer
    half_apart      how far the mean of both ways is from either: what an answer in between costs
    decided_ratio   answers that lie in the outer quarters of the line between both ways
    left_ratio      answers that are nearer the left one

All in rad where they are not ratios. A person reads them beside success: who answers in between goes between the balls.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from distill.checkpoint import write_arrays
from distill.svam.arms.controls import spread, tokens_of_pictures
from distill.svam.arms.finished_run import FinishedRun
from distill.svam.arms.forks import TASK, Forks
from distill.svam.clips import read_pictures
from distill.svam.demonstrated import Chosen, Demonstrated
from interfaces.durable import write_whole
from interfaces.npz_file import Arrays, read_npz
from models.svam.policy import SvamPolicy

DRAWS_FILE = "draws.json"
_OUTER_RATIO = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkDraws:
    """What is said of the scenes with two right ways."""

    spread_rad: float
    from_mean_rad: float
    from_nearest_rad: float
    half_apart_rad: float
    decided_ratio: float
    left_ratio: float


def write_moments(path: Path, finished: FinishedRun, n_pictures: int) -> None:
    """Write held-out moments of each task, with joints and ages as in training, whole or not at all."""
    index, tasks = finished.index, finished.recipe.demonstrations.instructions
    chosen = np.concatenate([spread(finished, task, n_pictures) for task in range(len(tasks))])
    nothing = np.empty(0, np.int64)
    demonstrated = Demonstrated(
        finished.recipe.sampling(), finished.shards, index, Chosen(learnt=nothing, held_out=chosen)
    )
    batch = demonstrated.batch(chosen, np.random.default_rng(0), torch.device("cpu"))
    arrays = {
        "pictures": read_pictures(finished.shards, len(index))[chosen], "task": batch.task.numpy(),
        "joints_rad": batch.joints_rad.numpy(), "age_s": batch.age_s.numpy(),
    }  # fmt: skip
    write_arrays(path, arrays)


def read_moments(path: Path) -> Arrays:
    """Return what `write_moments` wrote; raises ConfigError where it is damaged."""
    return {key: np.array(array) for key, array in read_npz(str(path), path.read_bytes()).items()}


@torch.no_grad()
def spread_by_task(policy: SvamPolicy, moments: Arrays, n_noises: int) -> dict[str, float]:
    """Return, in rad by task, how far answers to the same held-out moment differ."""
    task = torch.from_numpy(moments["task"])
    tokens = tokens_of_pictures(policy, moments["pictures"], task)
    joints, age_s = torch.from_numpy(moments["joints_rad"]), torch.from_numpy(moments["age_s"])
    variance = answers(policy, tokens, joints, age_s, n_noises).var(1).mean((1, 2))  # (moment,)
    return {
        name: float(variance[task == number].mean().sqrt()) for number, name in enumerate(policy.config.instructions)
    }


@torch.no_grad()
def draws_at_forks(policy: SvamPolicy, forks: Forks, age_s: float, n_noises: int) -> ForkDraws:
    """Return what becomes of two right ways, at the start of scenes in which either is as likely."""
    config = policy.config
    task = torch.tensor(config.instructions.index(TASK))
    joints = torch.from_numpy(forks.joints_rad)
    tokens = tokens_of_pictures(policy, forks.pictures, task)
    said = answers(policy, tokens, joints, torch.full((len(joints),), age_s), n_noises)  # (scene, noise, row, joint)
    ways = torch.from_numpy(forks.chunks_rad(config.horizon, config.first_ms, config.step_ms))
    left, right = ways[:, :1], ways[:, 1:]  # (scene, 1, row, joint)
    middle, across = (left + right) / 2.0, left - right
    off = torch.stack([(said - way).square().mean((2, 3)) for way in (left, right)])  # (way, scene, noise)
    place = ((said - right) * across).sum((2, 3)) / across.square().sum((2, 3))  # 0 at the right way, 1 at the left
    return ForkDraws(
        spread_rad=_rad(said.var(1)), from_mean_rad=_rad((said - middle).square()),
        from_nearest_rad=_rad(off.amin(0)), half_apart_rad=_rad((across / 2.0).square()),
        decided_ratio=float(((place < _OUTER_RATIO) | (place > 1.0 - _OUTER_RATIO)).float().mean()),
        left_ratio=float((place > 0.5).float().mean()),
    )  # fmt: skip


def answers(policy: SvamPolicy, tokens: Tensor, joints_rad: Tensor, age_s: Tensor, n_noises: int) -> Tensor:
    """Return joint targets (question, noise, horizon, joint) in rad; the noises are the same for all questions."""
    n_questions, shape = len(tokens), (n_noises, policy.config.horizon, policy.config.n_joints)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).repeat(n_questions, 1, 1)
    tokens, joints_rad, age_s = (part.repeat_interleave(n_noises, dim=0) for part in (tokens, joints_rad, age_s))
    return policy.decode(tokens, joints_rad, age_s, noise).view(n_questions, *shape)


def write_draws(path: Path, spread_rad: dict[str, float], forks: ForkDraws | None) -> None:
    """Write what was found as JSON, whole or not at all."""
    told = {"spread_rad": spread_rad, "forks": None if forks is None else asdict(forks)}
    write_whole(path, json.dumps(told, indent=1).encode())


def _rad(squares: Tensor) -> float:
    return float(squares.mean().sqrt())
