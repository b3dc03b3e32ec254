"""Objectives that are meant for one step, and keep modes apart in it: mean flow, and conditional implicit maximum likelihood.

One step of a velocity flow is the mean of what may come (models/flow.py). These two answer with one of the things that may come, and
the noise says which. Randomness and networks are as there.

Mean flow: Geng et al., "Mean Flows for One-step Generative Modeling", arXiv 2505.13447, with times that run from noise (0) to data (1)
as everywhere here, and not the other way round as in the paper. As an action head: MP1, arXiv 2507.10543.

Implicit maximum likelihood: Li and Malik, "Implicit Maximum Likelihood Estimation", 2018; with rejection, Vashist et al., "Rejection
Sampling IMLE", 2024; as an action head, Rana et al., "IMLE Policy", arXiv 2502.12371, and IMLE-VLA, arXiv 2609.10915.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from models.flow import UNIFORM, Network, TimeDistribution, mean, on_path, per_sample

_DIGITS = 1024  # levels of the first of two times that are read from one number
_WEIGHT_FLOOR = 1e-3
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class MeanFlow:
    """The network says the mean velocity u from time t to a later time r, so one call leads from any time to any other.

    By definition (r - t) u is the way from t to r. Its derivative by t, with r held, is minus the velocity v at t:

        u = v + (r - t) du/dt,    du/dt = v du/dx + du/dt alone

    The right side, without gradient, is what the left side learns. `level` is (t, r - t). Where r = t this is a velocity flow.

    The adaptive weight is where this is not the paper's: with its power of 1 every sample counts alike, however far off, so of two
    equally likely answers the one that is ahead by chance stays ahead; on the toy of tests/models/test_one_step.py one of them was
    given 71 and 90 times of 100. The squared error (0) did not learn there at the same rate. One half did, and gave each its share.
    """

    n_levels: ClassVar[int] = 2
    times: TimeDistribution = UNIFORM
    apart_ratio: float = 0.5  # of the samples whose two times differ; in the paper 0.25 on ImageNet, 0.75 on CIFAR-10
    weighting_ratio: float = (
        0.5  # of the adaptive weight: 0 is the squared error, 1 (the paper) counts every sample alike
    )

    def loss(self, network: Network, clean: Tensor, noise: Tensor, uniform: Tensor) -> Tensor:
        """Return the weighted squared error of the mean velocity, per sample; the weights flatten it, so it says little."""
        t, span = self.spans(uniform)
        velocity = clean - noise

        def mean_velocity(noisy: Tensor, t: Tensor, span: Tensor) -> Tensor:
            return network(noisy, torch.stack([t, span], dim=-1))

        # Fused attention has no forward derivative (pytorch issue 165530); the plain kernels have.
        with sdpa_kernel(SDPBackend.MATH):
            moved: Any = torch.func.jvp(
                mean_velocity, (on_path(t, clean, noise), t, span), (velocity, torch.ones_like(t), -torch.ones_like(t))
            )
        said, slope = moved
        target = velocity + per_sample(span, clean) * slope.detach()
        error = mean(said - target, torch.square)
        return error / (error.detach() + _WEIGHT_FLOOR) ** self.weighting_ratio

    def spans(self, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Return times (B,) and the spans to the later times (B,), from uniform numbers (B,) whose digits are shared out."""
        together_ratio = 1.0 - self.apart_ratio
        apart = uniform >= together_ratio
        rest = torch.where(
            apart, (uniform - together_ratio) / max(self.apart_ratio, _TINY), uniform / max(together_ratio, _TINY)
        )
        digits = rest * _DIGITS
        one, other = ((digits.floor() + 0.5) / _DIGITS).clamp(max=1.0), digits - digits.floor()
        one, other = self.times.times(one), self.times.times(other)
        return torch.where(apart, torch.minimum(one, other), one), torch.where(apart, (one - other).abs(), 0.0)

    def sample(self, network: Network, noise: Tensor, n_steps: int) -> Tensor:
        """Return the end of the flow, in n_steps calls that each go an equal part of the way."""
        x = noise
        for step in range(n_steps):
            t = torch.full_like(noise.flatten(1)[:, 0], step / n_steps)
            x = x + network(x, torch.stack([t, torch.full_like(t, 1.0 / n_steps)], dim=-1)) / n_steps
        return x


@dataclass(frozen=True, slots=True)
class Imle:
    """The network makes a chunk of each of several noises, and the nearest to what was shown learns to be nearer.

    Every demonstration pulls one answer towards it, so none is left out; answers that are near none are pulled by none. An answer that
    is nearer than the threshold has learnt enough: it is passed over, and the next one learns, until a demonstration has enough
    answers around it. The noises of a sample are those of the samples before it in the batch, of which it needs so many.
    """

    n_levels: ClassVar[int] = 1
    candidates: int = 8  # noises a sample; each costs a call without gradient
    rejected_ratio: float = 0.01  # answers nearer than this, in standard deviations (root mean square), are passed over

    def loss(self, network: Network, clean: Tensor, noise: Tensor, uniform: Tensor) -> Tensor:
        """Return the root mean square by which the nearest answer is off, per sample; 0 where all were passed over."""
        still = torch.zeros_like(uniform)
        noises = torch.stack([noise.roll(number, 0) for number in range(min(self.candidates, len(noise)))])
        with torch.no_grad():
            off = torch.stack([_rms(network(each, still) - clean) for each in noises])  # (candidate, B)
        passed_over = off < self.rejected_ratio
        nearest = off.masked_fill(passed_over, torch.inf).argmin(0)  # (B,)
        chosen = noises[nearest, torch.arange(len(noise), device=noise.device)]
        return _rms(network(chosen, still) - clean) * ~passed_over.all(0)

    def sample(self, network: Network, noise: Tensor, n_steps: int) -> Tensor:
        """Return the network's word for this noise; more steps change nothing."""
        del n_steps
        return network(noise, torch.zeros_like(noise.flatten(1)[:, 0]))


def _rms(error: Tensor) -> Tensor:
    return (mean(error, torch.square) + _TINY).sqrt()
