"""How right a policy is about what actions lead to, and about which actions lead to what is seen; each beside what knows less.

Forward: the future for the actions that were really taken, for those of another episode, and for none, each against what happened.
If the first is no better than the second, actions do not matter to what is expected. Inverse: the actions read out of the video that
was seen, and out of another episode's; if the first is no better, they are read from the joints and the instruction alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.family.imagining.scenes import Scene, others, together
from interfaces.progress import Progress
from models.moment import Moment
from models.svam.picture_autoencoder import psnr_db
from models.uva.policy import Drawing, Plan, UvaPolicy

PSNR_MAX_DB = 60.0  # where really nothing moves, holding still is right beyond all measure
_AT_ONCE = 32  # moments

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Futures (B, T, 3, p, p) in -1..1 that a policy expects."""

    given: Tensor  # for the actions that were taken
    other: Tensor  # for those of another episode
    free: Tensor  # for none
    best: Tensor  # what happened, through the autoencoder: no expected frame can be nearer


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One row a scene."""

    given_db: Floats  # (scene, T), the peak signal-to-noise ratio of each frame
    other_db: Floats
    free_db: Floats
    still_db: Floats  # of the present frame, held still
    best_db: Floats
    read_mrad: Floats  # (scene,), how far the actions are off that are read out of the video
    other_read_mrad: Floats  # out of another episode's
    still_mrad: Floats  # of the joints, held still


FIGURES = tuple(Measured.__dataclass_fields__)


@torch.no_grad()
def expect(policy: UvaPolicy, moment: Moment, other: Moment, drawing: Drawing) -> Expected:
    """Return the futures that are compared."""

    def pictures(plan: Plan | None) -> Tensor:
        return _shown(policy, policy.imagine(moment.frames, moment.task, plan, drawing))

    given = Plan(target_rad=moment.target_rad, age_s=moment.age_s)
    return Expected(
        given=pictures(given), other=pictures(replace(given, target_rad=other.target_rad)), free=pictures(None),
        best=_shown(policy, moment.future),
    )  # fmt: skip


def measure(policy: UvaPolicy, scenes: list[Scene], drawing: Drawing, progress: Progress) -> Measured:
    """Return all figures of scenes; two episodes of each task are needed."""
    beside, parts = others(scenes), list[Measured]()
    for start in range(0, len(scenes), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        parts.append(_measure(policy, scenes[part], together(beside[part]), drawing))
        progress(min(start + _AT_ONCE, len(scenes)), len(scenes), "moments")
    return Measured(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in FIGURES})


@torch.no_grad()
def _measure(policy: UvaPolicy, scenes: list[Scene], other: Moment, drawing: Drawing) -> Measured:
    moment = together(scenes)
    real, now = torch.stack([scene.future for scene in scenes]), torch.stack([scene.now for scene in scenes])
    expected = expect(policy, moment, other, drawing)
    off = _reader(policy, moment)
    return Measured(
        given_db=near_db(expected.given, real), other_db=near_db(expected.other, real),
        free_db=near_db(expected.free, real), still_db=near_db(now[:, None].expand_as(real), real),
        best_db=near_db(expected.best, real),
        read_mrad=off(moment.future), other_read_mrad=off(other.future),
        still_mrad=_mrad(moment.joints_rad[:, None] - moment.target_rad),
    )  # fmt: skip


def _reader(policy: UvaPolicy, moment: Moment) -> Callable[[Tensor], Floats]:
    """Return what says how far the actions that a video (B, T, c, g, g) shows are off (B,), in mrad."""
    draw = torch.Generator(device=moment.target_rad.device).manual_seed(0)
    noise = torch.randn(moment.target_rad.shape, generator=draw, device=draw.device)

    def off(video: Tensor) -> Floats:
        said = policy.actions_of(video, moment.task, moment.joints_rad, moment.age_s, noise)
        return _mrad(said - moment.target_rad)

    return off


def near_db(said: Tensor, real: Tensor) -> Floats:
    """Return how near pictures (B, T, 3, p, p) are to others (B, T)."""
    near = psnr_db(said.flatten(0, 1), real.flatten(0, 1)).clamp(max=PSNR_MAX_DB)
    return near.view(said.shape[:2]).cpu().double().numpy()


def _mrad(off_rad: Tensor) -> Floats:
    return 1000.0 * off_rad.abs().mean((1, 2)).cpu().double().numpy()


def _shown(policy: UvaPolicy, latents: Tensor) -> Tensor:
    return policy.pictures(latents).float().clamp(-1.0, 1.0)
