"""Fits the small policy to demonstrations: flow matching that is trained for one-step decoding.

A sample's target chunk x1 and a noise x0 meet at x_t = (1 - t) x0 + t x1; the network learns the velocity x1 - x0. Much of the
mass lies exactly at t = 0, the only instant at which a one-step decoder asks. The run writes a checkpoint every few hundred
steps and goes on from it when started again.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from distill.recipe import Recipe, TrainingRecipe
from distill.samples import Batch, Samples
from interfaces.progress import Progress
from models.small_policy import SmallPolicy, SmallPolicyConfig
from sim.robot_model import JOINT_NAMES

CHECKPOINT_EVERY = 250
_FORESEEN_SCALE_M = 0.05


def train(recipe: Recipe, samples: Samples, folder: Path, start: SmallPolicy | None, progress: Progress) -> SmallPolicy:
    """Train for `recipe.training.steps` from scratch, or for `recovery_steps` from `start`; return the averaged policy.

    `folder` keeps the state to resume from; `progress(done, total, text)` is called every step.
    """
    training = recipe.training
    torch.set_num_threads(training.threads)
    torch.manual_seed(training.seed)
    rng = np.random.default_rng(training.seed)
    total = training.steps if start is None else training.recovery_steps
    policy = copy.deepcopy(start) if start is not None else _fresh(recipe, samples, rng)
    policy.foresight.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - missing in torch's stubs
    averaged = copy.deepcopy(policy).requires_grad_(requires_grad=False).eval()
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=training.learning_rate_ratio, weight_decay=training.weight_decay_ratio
    )
    state_file = folder / ("train.state" if start is None else "recovery.state")
    first = _resume(state_file, policy, averaged, optimizer)
    rng = np.random.default_rng((training.seed, first))  # a resumed run sees other samples than the first part did
    peak = 1.0 if start is None else 0.5
    losses = np.zeros(2)
    for step in range(first, total):
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate_ratio * peak * _schedule(step, total)
        action_loss, foreseen_loss = _losses(policy, samples.batch(training.batch_size, rng), training)
        optimizer.zero_grad(set_to_none=True)
        (action_loss + training.foreseen_weight_ratio * foreseen_loss).backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        _average(averaged, policy, training.average_ratio if step > 200 else 0.9)
        losses = 0.98 * losses + 0.02 * np.array([action_loss.item(), foreseen_loss.item()])
        progress(step + 1, total, f"action loss {losses[0]:.4f}, foreseen points off {_off_mm(losses[1]):.1f} mm")
        if (step + 1) % CHECKPOINT_EVERY == 0:
            _save_state(state_file, step + 1, policy, averaged, optimizer)
    return averaged


def _fresh(recipe: Recipe, samples: Samples, rng: np.random.Generator) -> SmallPolicy:
    policy = SmallPolicy(
        SmallPolicyConfig(
            joints=JOINT_NAMES,
            instructions=recipe.instructions,
            horizon=recipe.horizon,
            step_ms=recipe.step_ms,
            first_ms=recipe.first_ms,
            foresight_age_max_ms=recipe.training.age_max_ms,
        )
    )
    samples.fit_statistics(policy, rng)
    return policy


def _losses(policy: SmallPolicy, batch: Batch, training: TrainingRecipe) -> tuple[Tensor, Tensor]:
    tokens, foreseen = policy.foresight(batch.picture.contiguous(memory_format=torch.channels_last), batch.instruction)
    goal = (batch.chunk_rad - policy.chunk_mean) / policy.chunk_std
    noise = torch.randn_like(goal)
    t = torch.rand(len(goal)) ** 1.5
    t = torch.where(torch.rand(len(goal)) < training.pure_noise_ratio, torch.zeros_like(t), t)
    noisy = torch.lerp(noise, goal, t[:, None, None])
    # Without joints now and then, so that they do not become a shortcut around the foresight.
    seen = (torch.rand(len(goal), 1) >= training.joint_dropout_ratio).float()
    joints = seen * (batch.joints_rad - policy.joint_mean) / policy.joint_std
    velocity = policy.action(noisy, t, tokens, joints, batch.age_s)
    action_loss = (velocity - (goal - noise)).square().mean()
    foreseen_loss = ((foreseen - batch.foreseen_m) / _FORESEEN_SCALE_M).square().mean()
    return action_loss, foreseen_loss


def _off_mm(loss: float) -> float:
    return 1000.0 * _FORESEEN_SCALE_M * math.sqrt(max(loss, 0.0))


def _schedule(step: int, total: int) -> float:
    warm_up = min(1.0, (step + 1) / 100)
    return warm_up * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))


@torch.no_grad()
def _average(averaged: SmallPolicy, policy: SmallPolicy, keep: float) -> None:
    for mean, value in zip(averaged.parameters(), policy.parameters(), strict=True):
        mean.lerp_(value, 1.0 - keep)


def _resume(path: Path, policy: SmallPolicy, averaged: SmallPolicy, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    policy.load_state_dict(state["policy"])
    averaged.load_state_dict(state["averaged"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _save_state(
    path: Path, step: int, policy: SmallPolicy, averaged: SmallPolicy, optimizer: torch.optim.Optimizer
) -> None:
    half = path.with_suffix(".half")
    torch.save(
        {
            "step": step,
            "policy": policy.state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.state_dict(),
        },
        half,
    )
    half.replace(path)
