"""How an action network is trained to make a chunk from noise, and how one is then drawn: flows, EDM, plain regression.

A network here is a function of a noisy chunk (B, ...) and its noise level (B,). All randomness comes in as arguments: `noise`,
standard normal like the chunk, and `uniform` (B,) in 0..1, from which each objective makes its own distribution of levels.
Objectives that keep modes apart in one step are in models/one_step.py; models/objectives.py has all of them by name.

Velocity flow: Lipman et al., "Flow Matching for Generative Modeling", 2023; times shifted to the noise end so that ONE step
decodes: "Let It Be Simple: One-Step Action Generation for Vision-Language-Action Models", arXiv 2606.05737. EDM: Karras et al.,
"Elucidating the Design Space of Diffusion-Based Generative Models", 2022, with the constants of S-VAM (arXiv 2603.16195), whose
paper writes it as noise prediction and whose code predicts the preconditioned target: this is the code's form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor

BETA = 1.5  # openpi's Beta(1.5, 1), seen from the other end of the path
# S-VAM's EDM. Training levels are log-logistic; the released evaluation draws down to 1, and not to the smallest of training.
SIGMA_DATA, SIGMA_MIN, SIGMA_MAX, LAST_SIGMA = 0.5, 0.001, 80.0, 1.0
LOG_LOCATION, LOG_SCALE = math.log(0.5), 0.5

Network = Callable[[Tensor, Tensor], Tensor]  # noisy (B, ...), level (B,) or (B, 2) -> as noisy


class Objective(Protocol):
    """One way to train and to draw."""

    n_levels: ClassVar[int]  # numbers that a level is: it comes as (B,) for one, and as (B, 2) for two

    def loss(self, network: Network, clean: Tensor, noise: Tensor, uniform: Tensor) -> Tensor:
        """Return the loss of each sample (B,)."""
        ...

    def sample(self, network: Network, noise: Tensor, n_steps: int) -> Tensor:
        """Return a clean chunk made from noise with n_steps calls of the network."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeDistribution:
    """Where on the path from noise (t = 0) to data (t = 1) training happens.

    t = u / (1 + (shift - 1) (1 - u)): the odds of data to noise are divided by `shift_ratio`, the paper's alpha; 1 shifts nothing.
    u is uniform, or Beta(1, 1.5): accounts of the paper name both. A share `pure_noise_ratio` of the samples sits at exactly t = 0.
    """

    shift_ratio: float = 1.0
    base: Literal["uniform", "beta"] = "uniform"
    pure_noise_ratio: float = 0.0

    def times(self, uniform: Tensor) -> Tensor:
        """Return times (B,) from uniform numbers (B,)."""
        ratio = self.pure_noise_ratio
        if ratio >= 1.0:
            return torch.zeros_like(uniform)
        rest = ((uniform - ratio) / (1.0 - ratio)).clamp(min=0.0)  # 0, and so t = 0, for the share at pure noise
        u = 1.0 - (1.0 - rest) ** (1.0 / BETA) if self.base == "beta" else rest
        return u / (1.0 + (self.shift_ratio - 1.0) * (1.0 - u))


UNIFORM = TimeDistribution()
PURE_NOISE = TimeDistribution(pure_noise_ratio=1.0)


@dataclass(frozen=True, slots=True)
class VelocityFlow:
    """Straight paths x_t = t x_1 + (1 - t) x_0; the network says the velocity x_1 - x_0; its level is t.

    At t = 0 the best network says E[chunk] - noise: one step is then the conditional mean, whatever the noise was.
    """

    n_levels: ClassVar[int] = 1
    times: TimeDistribution

    def loss(self, network: Network, clean: Tensor, noise: Tensor, uniform: Tensor) -> Tensor:
        """Return the squared error of the velocity, per sample."""
        t = self.times.times(uniform)
        return mean(network(on_path(t, clean, noise), t) - (clean - noise), torch.square)

    def sample(self, network: Network, noise: Tensor, n_steps: int) -> Tensor:
        """Return the end of the flow, in n_steps equal Euler steps."""
        x = noise
        for step in range(n_steps):
            t = torch.full_like(noise.flatten(1)[:, 0], step / n_steps)
            x = x + network(x, t) / n_steps
        return x


@dataclass(frozen=True, slots=True)
class CleanFlow:
    """The same paths; the network says their end, the clean chunk, as diffusion policies with "sample" prediction do."""

    n_levels: ClassVar[int] = 1
    times: TimeDistribution

    def loss(self, network: Network, clean: Tensor, noise: Tensor, uniform: Tensor) -> Tensor:
        """Return the squared error of the chunk, per sample."""
        t = self.times.times(uniform)
        return mean(network(on_path(t, clean, noise), t) - clean, torch.square)

    def sample(self, network: Network, noise: Tensor, n_steps: int) -> Tensor:
        """Return what the network says last; each step goes towards what it says, as far as an Euler step would."""
        x = noise
        for step in range(n_steps):
            t = torch.full_like(noise.flatten(1)[:, 0], step / n_steps)
            x = x + (network(x, t) - x) / (n_steps - step)
        return x


@dataclass(frozen=True, slots=True)
class Edm:
    """Karras' preconditioned denoiser; the network's level is ln(sigma) / 4.

    Drawing is deterministic (DDIM, the first-order solver) over exponentially spaced levels from 80 to 1 and then 0.
    """

    n_levels: ClassVar[int] = 1

    def loss(self, network: Network, clean: Tensor, noise: Tensor, uniform: Tensor) -> Tensor:
        """Return the squared error of what the network itself must say, unweighted, per sample."""
        sigma = self.sigmas(uniform)
        noisy = clean + per_sample(sigma, clean) * noise
        c_skip, c_out, c_in = (per_sample(scale, clean) for scale in self._scales(sigma))
        target = (clean - c_skip * noisy) / c_out
        return mean(network(c_in * noisy, sigma.log() / 4.0) - target, torch.square)

    def sigmas(self, uniform: Tensor) -> Tensor:
        """Return training levels (B,) by the inverse of the cut log-logistic distribution."""
        low, high = (
            1.0 / (1.0 + math.exp(-(math.log(sigma) - LOG_LOCATION) / LOG_SCALE)) for sigma in (SIGMA_MIN, SIGMA_MAX)
        )
        return torch.exp(LOG_LOCATION + LOG_SCALE * torch.logit(low + uniform * (high - low)))

    def denoised(self, network: Network, noisy: Tensor, sigma: Tensor) -> Tensor:
        """Return the clean chunk that the network believes in."""
        c_skip, c_out, c_in = (per_sample(scale, noisy) for scale in self._scales(sigma))
        return c_skip * noisy + c_out * network(c_in * noisy, sigma.log() / 4.0)

    def sample(self, network: Network, noise: Tensor, n_steps: int) -> Tensor:
        """Return a chunk; one step is what the network believes at pure noise."""
        ratio = math.log(LAST_SIGMA / SIGMA_MAX)
        sigmas = [SIGMA_MAX * math.exp(ratio * step / max(n_steps - 1, 1)) for step in range(n_steps)] + [0.0]
        x = sigmas[0] * noise
        for sigma, following in pairwise(sigmas):
            clean = self.denoised(network, x, torch.full_like(noise.flatten(1)[:, 0], sigma))
            x = clean + following / sigma * (x - clean)
        return x

    def _scales(self, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        spread = torch.sqrt(sigma**2 + SIGMA_DATA**2)
        return SIGMA_DATA**2 / spread**2, sigma * SIGMA_DATA / spread, 1.0 / spread


@dataclass(frozen=True, slots=True)
class Regression:
    """The control: no noise, the network says the chunk, L1."""

    n_levels: ClassVar[int] = 1

    def loss(self, network: Network, clean: Tensor, noise: Tensor, uniform: Tensor) -> Tensor:
        """Return the mean absolute error, per sample; neither noise nor level matters."""
        return mean(network(torch.zeros_like(noise), torch.zeros_like(uniform)) - clean, torch.abs)

    def sample(self, network: Network, noise: Tensor, n_steps: int) -> Tensor:
        """Return the network's word; more steps change nothing."""
        del n_steps
        return network(torch.zeros_like(noise), torch.zeros_like(noise.flatten(1)[:, 0]))


def on_path(t: Tensor, clean: Tensor, noise: Tensor) -> Tensor:
    """Return the noisy chunks at times t (B,) of the straight paths from noise to data."""
    return per_sample(t, clean) * clean + per_sample(1.0 - t, clean) * noise


def per_sample(values: Tensor, like: Tensor) -> Tensor:
    """Return values (B,) as (B, 1, ...), to go with chunks."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def mean(error: Tensor, measure: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the mean (B,) over each sample of what `measure` makes of its errors."""
    return measure(error).flatten(1).mean(1)
