"""What a policy foresees from one picture: the video of many steps, and both foresights of the one step that the robot takes.

Both begin at the policy's own noise, so they are about the same future; the robot computes the second alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.svam.policy import SvamPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """One picture's foresight. Pictures are in -1..1 and as small as the video model sees them."""

    now: Tensor  # (3, p, p) as the policy is shown it
    generated: Tensor  # (T, 3, p, p)
    semantic: Tensor  # (T, S, dim)
    geometric: Tensor
    semantic_now: Tensor  # (S, dim), what the anchors say
    geometric_now: Tensor


def instruction_of(policy: SvamPolicy, task: str) -> Tensor:
    """Return the one-hot instruction (1, n) of a task."""
    told = policy.goal_table.new_zeros(1, policy.config.n_instructions)
    told[0, policy.config.instructions.index(task)] = 1.0
    return told


def as_seen(policy: SvamPolicy, rgb: NDArray[np.uint8]) -> Tensor:
    """Return pictures (B, 3, p, p) in -1..1 of the camera's squares (B, crop, crop, 3), resized by the policy itself."""
    return 2.0 * policy.video_resize(torch.from_numpy(rgb).to(policy.goal_table.device)) - 1.0


@torch.no_grad()
def foresee(policy: SvamPolicy, rgb: NDArray[np.uint8], task: str, n_steps: int) -> Foreseen:
    """Return what the policy foresees from a square (crop, crop, 3), the video in `n_steps` steps."""
    instruction, now = instruction_of(policy, task), as_seen(policy, rgb[None])
    frame, text, noise = policy.video.encode_frame(now), policy.text(instruction), policy.initial_noise[None]
    semantic, geometric, anchors = foresights(policy, rgb, task)
    generated = policy.video.decode_video(policy.video.sample(noise, frame, text, n_steps))[0]
    return Foreseen(
        now=now[0], generated=generated.float().clamp(-1.0, 1.0), semantic=semantic, geometric=geometric,
        semantic_now=_as_places(anchors[0]), geometric_now=_as_places(anchors[1]),
    )  # fmt: skip


@torch.no_grad()
def foresights(policy: SvamPolicy, rgb: NDArray[np.uint8], task: str) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Return the semantic and the geometric foresight, each (T, S, dim), and both anchors (1, dim, g, g)."""
    pictures = torch.from_numpy(rgb[None]).to(policy.goal_table.device)
    features, anchors = policy.features(pictures, instruction_of(policy, task)), policy.anchors(pictures)
    semantic, geometric = (
        policy.semantic_decoupler(features, anchors[0]),
        policy.geometric_decoupler(features, anchors[1]),
    )
    return semantic[0].float(), geometric[0].float(), anchors


@torch.no_grad()
def reproduced(policy: SvamPolicy, pictures: Tensor) -> Tensor:
    """Return pictures (T, 3, p, p) as the autoencoder gives them back: no generated frame can be better than that."""
    return policy.video.decode_video(policy.video.encode_video(pictures[None]))[0].float().clamp(-1.0, 1.0)


def _as_places(maps: Tensor) -> Tensor:
    return maps[0].flatten(1).transpose(0, 1).float()  # (S, dim)
