"""One training loop for all networks: averaged weights, figures on the way, and a state to go on from after any kind of end.

What a step draws depends on seed and step alone, so a run that was killed and started again ends with the same weights as one that
was not. The learning rate warms up, stays, and falls to zero over the last fifth ("warm-up, stable, decay"), so it does not know
the run's length before its end: with another number of steps in the recipe, a running stage ends sooner or later, and well.
The same loop runs in one process and in several that a launcher started (distill/processes.py).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from distill.checkpoint import load_state, save_state
from distill.compute import Compute
from interfaces.errors import ForerunError
from interfaces.progress import Progress
from interfaces.toml_loader import require

FALL_RATIO = 0.2

Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRecipe:
    """How one network is fitted."""

    steps: int
    batch_size: int
    learning_rate_ratio: float
    weight_decay_ratio: float
    average_ratio: float  # of the exponential moving average of the weights
    warm_up_steps: int
    checkpoint_every_s: float
    look_every_s: float
    seed: int

    def __post_init__(self) -> None:
        """Check what would not train."""
        for key in ("steps", "batch_size", "warm_up_steps"):
            require(getattr(self, key) > 0, key, getattr(self, key), "above 0")
        require(0 < self.learning_rate_ratio < 1, "learning_rate_ratio", self.learning_rate_ratio, "0..1")
        require(0 <= self.average_ratio < 1, "average_ratio", self.average_ratio, "0..1, below 1")


class Job(Protocol):
    """What is trained, and on what."""

    name: str
    network: nn.Module  # its frozen parts require no gradient
    hot: tuple[nn.Module, ...]  # the parts of it whose calls are worth compiling

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the loss of one random batch; all that is random comes from `draw`."""
        ...

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return held-out figures of the averaged network, and leave pictures for people."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a fit runs, where its state is kept, and who is told."""

    compute: Compute
    folder: Path
    sizes: dict[str, Any]  # what a state must agree with
    report: Callable[[str, int, Figures], None]  # job, step, figures
    progress: Progress


class _Loss(nn.Module):
    """A job's loss as a module's forward pass, which is what can be shared between processes."""

    def __init__(self, job: Job, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._job = job

    @override
    def forward(self, draw: torch.Generator) -> Tensor:
        return self._job.loss(self.network, draw)


def fit(job: Job, recipe: FitRecipe, around: Surroundings) -> nn.Module:
    """Train until `recipe.steps` and return the averaged network; goes on from `<name>.state` where there is one.

    Of several processes each draws `batch_size` samples of its own; the first looks, reports and saves.
    Raises ConfigError where the state is of other sizes, and ForerunError where the loss is no number any more.
    """
    with around.compute.processes.company(job.name):
        return _fit(job, recipe, around)


def _fit(job: Job, recipe: FitRecipe, around: Surroundings) -> nn.Module:
    compute, state_file = around.compute, around.folder / f"{job.name}.state"
    rank = compute.processes.rank
    network = job.network.to(compute.device).train()
    averaged = copy.deepcopy(network).requires_grad_(requires_grad=False).eval()
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        learning, lr=recipe.learning_rate_ratio, weight_decay=recipe.weight_decay_ratio, betas=(0.9, 0.99)
    )
    holders = {"network": network, "averaged": averaged, "optimizer": optimizer}
    first = load_state(state_file, around.sizes, holders, compute.device)
    compute.compile_calls(job.hot)
    shared = compute.processes.averaging(_Loss(job, network))
    t_saved_ns = t_looked_ns = monotonic_ns()
    smooth = math.nan
    for step in range(first, recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate_ratio * _schedule(step, recipe)
        loss = _backward(shared, optimizer, compute, _seeds(recipe.seed, step, rank))
        said, norm = compute.processes.mean(loss), float(torch.nn.utils.clip_grad_norm_(learning, 1.0))
        _require_numbers(job.name, step, said, norm)  # before they become weights, and those a state
        optimizer.step()
        _average(averaged, network, min(recipe.average_ratio, (step + 1) / (step + 10)))
        smooth = said if math.isnan(smooth) else 0.98 * smooth + 0.02 * said
        if rank > 0:
            continue
        around.progress(step + 1, recipe.steps, f"loss {smooth:.4f}")
        t_now_ns, last = monotonic_ns(), step + 1 == recipe.steps
        if last or t_now_ns - t_looked_ns > recipe.look_every_s * 1e9:
            with torch.no_grad(), compute.autocast():
                around.report(job.name, step + 1, {"loss": smooth, **job.look(averaged, step + 1)})
            t_looked_ns = monotonic_ns()
        if last or t_now_ns - t_saved_ns > recipe.checkpoint_every_s * 1e9:
            save_state(state_file, step + 1, around.sizes, holders)
            t_saved_ns = monotonic_ns()
    return averaged


def _backward(shared: nn.Module, optimizer: torch.optim.Optimizer, compute: Compute, seeds: tuple[int, ...]) -> Tensor:
    """Leave the gradients of one random batch, and return its loss ()."""
    draw = compute.generator(*seeds)
    torch.manual_seed(draw.initial_seed())  # for dropout, which takes no generator
    with compute.autocast():
        loss: Tensor = shared(draw)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    return loss


def _seeds(seed: int, step: int, rank: int) -> tuple[int, ...]:
    return (seed, step, rank) if rank else (seed, step)


def batch_of(n: int, size: int, draw: torch.Generator) -> Tensor:
    """Return `size` random indices below n, on the generator's device."""
    return torch.randint(n, (size,), generator=draw, device=draw.device)


def normal_like(like: Tensor, draw: torch.Generator) -> Tensor:
    """Return standard normal noise."""
    return torch.randn(like.shape, generator=draw, device=like.device)


def _schedule(step: int, recipe: FitRecipe) -> float:
    left = (recipe.steps - step) / max(1.0, FALL_RATIO * recipe.steps)
    return min(1.0, (step + 1) / recipe.warm_up_steps, left)


def _require_numbers(name: str, step: int, loss: float, gradient: float) -> None:
    for what, value in (("loss", loss), ("gradient", gradient)):
        if not np.isfinite(value):
            raise ForerunError(
                f"{name}: the {what} is {value} at step {step}; lower learning_rate_ratio in the recipe and start again:"
                " training goes on from the last state"
            )


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, keep: float) -> None:
    for mean, value in zip(averaged.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1.0 - keep)
