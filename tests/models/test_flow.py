"""Action objectives: where training happens on the path, what a perfect network costs, and what one and many steps draw."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import pytest
import torch
from torch import Tensor

from models.flow import (
    PURE_NOISE,
    UNIFORM,
    CleanFlow,
    Edm,
    Network,
    Objective,
    Regression,
    TimeDistribution,
    VelocityFlow,
)  # fmt: skip

CLEAN = torch.linspace(-1.0, 1.0, 3 * 4 * 2).view(3, 4, 2)
QUANTILES = (torch.arange(200_000) + 0.5) / 200_000


def noise(seed: int) -> Tensor:
    return torch.randn(CLEAN.shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("base", "shift_ratio", "median", "mean", "below_5", "below_10"),
    [  # the dossier's table, from 2 million draws
        ("uniform", 1.0, 0.500, 0.500, 0.050, 0.100),
        ("uniform", 4.0, 0.200, 0.283, 0.174, 0.308),
        ("uniform", 8.0, 0.111, 0.197, 0.296, 0.471),
        ("beta", 1.0, 0.370, 0.400, 0.074, 0.146),
        ("beta", 4.0, 0.128, 0.194, 0.249, 0.424),
    ],
)
def test_times_have_the_published_distribution(
    base: Literal["uniform", "beta"], shift_ratio: float, median: float, mean: float, below_5: float, below_10: float
) -> None:
    times = TimeDistribution(shift_ratio=shift_ratio, base=base).times(QUANTILES)
    found = [times.median(), times.mean(), (times < 0.05).float().mean(), (times < 0.1).float().mean()]
    assert [float(value) for value in found] == pytest.approx([median, mean, below_5, below_10], abs=1.1e-3)


def test_a_share_of_the_samples_can_sit_at_pure_noise() -> None:
    times = TimeDistribution(pure_noise_ratio=0.3).times(QUANTILES)
    assert float((times == 0.0).float().mean()) == pytest.approx(0.3, abs=1e-4)
    assert float(times[times > 0.0].median()) == pytest.approx(0.5, abs=1e-3)
    assert not PURE_NOISE.times(QUANTILES).any()


def test_a_velocity_that_is_right_costs_nothing_and_any_number_of_steps_arrives() -> None:
    start = noise(0)

    def straight(noisy: Tensor, level: Tensor) -> Tensor:
        assert noisy.shape == CLEAN.shape
        assert level.shape == (3,)
        return CLEAN - start

    flow = VelocityFlow(UNIFORM)
    assert flow.loss(straight, CLEAN, start, torch.tensor([0.1, 0.5, 0.9])).tolist() == [0.0, 0.0, 0.0]
    for n_steps in (1, 2, 10):
        torch.testing.assert_close(flow.sample(straight, start, n_steps), CLEAN)


def test_the_flow_is_trained_and_walked_from_noise_at_0_to_data_at_1() -> None:
    start, asked = noise(0), list[float]()

    def watch(noisy: Tensor, level: Tensor) -> Tensor:
        t = level[:, None, None]
        torch.testing.assert_close(noisy, t * CLEAN + (1.0 - t) * start)
        asked.append(float(level[0]))
        return CLEAN - start

    flow = VelocityFlow(UNIFORM)
    flow.loss(watch, CLEAN, start, torch.tensor([0.25, 0.5, 0.75]))
    flow.sample(watch, start, 4)
    assert asked == [0.25, 0.0, 0.25, 0.5, 0.75]


def test_one_step_of_the_best_network_at_pure_noise_is_the_mean_whatever_the_noise() -> None:
    def best(noisy: Tensor, level: Tensor) -> Tensor:
        del level
        return CLEAN - noisy  # E[chunk | context] - noise

    flow = VelocityFlow(PURE_NOISE)
    for seed in (1, 2):
        torch.testing.assert_close(flow.sample(best, noise(seed), 1), CLEAN)


def test_a_flow_that_says_its_end_arrives_there_in_any_number_of_steps() -> None:
    def right(noisy: Tensor, level: Tensor) -> Tensor:
        del noisy, level
        return CLEAN

    flow = CleanFlow(UNIFORM)
    assert flow.loss(right, CLEAN, noise(0), torch.tensor([0.1, 0.5, 0.9])).tolist() == [0.0, 0.0, 0.0]
    for n_steps in (1, 2, 10):
        torch.testing.assert_close(flow.sample(right, noise(0), n_steps), CLEAN)


def test_saying_the_end_and_saying_the_velocity_walk_the_same_way() -> None:
    def end(noisy: Tensor, level: Tensor) -> Tensor:
        return 0.5 * noisy + level[:, None, None]

    def velocity(noisy: Tensor, level: Tensor) -> Tensor:
        return (end(noisy, level) - noisy) / (1.0 - level[:, None, None])

    for n_steps in (1, 4):
        found = CleanFlow(UNIFORM).sample(end, noise(0), n_steps)
        torch.testing.assert_close(found, VelocityFlow(UNIFORM).sample(velocity, noise(0), n_steps))


def edm_network(seen: list[float]) -> Network:
    """Return the network whose denoiser always says CLEAN, written from Karras' formulas and not from the code."""

    def network(scaled: Tensor, level: Tensor) -> Tensor:
        sigma = torch.exp(4.0 * level)[:, None, None]
        seen.append(float(sigma[0, 0, 0]))
        noisy = scaled * torch.sqrt(sigma**2 + 0.25)
        return (CLEAN - 0.25 / (sigma**2 + 0.25) * noisy) / (0.5 * sigma / torch.sqrt(sigma**2 + 0.25))

    return network


def test_edm_costs_a_perfect_denoiser_nothing_and_draws_what_it_believes_in() -> None:
    seen: list[float] = []
    network, edm = edm_network(seen), Edm()
    loss = edm.loss(network, CLEAN, noise(0), torch.tensor([0.05, 0.5, 0.95]))
    torch.testing.assert_close(loss, torch.zeros(3), atol=1e-8, rtol=0)
    seen.clear()
    torch.testing.assert_close(edm.sample(network, noise(0), 10), CLEAN)
    assert len(seen) == 10
    assert seen[0] == pytest.approx(80.0, rel=1e-5)
    assert seen[-1] == pytest.approx(1.0, rel=1e-5)
    ratios = [later / sooner for sooner, later in pairwise(seen)]
    assert ratios == pytest.approx([ratios[0]] * 9, rel=1e-4)  # exponential spacing
    torch.testing.assert_close(edm.sample(network, noise(0), 1), CLEAN)


def test_edm_starts_from_noise_of_its_largest_level() -> None:
    first: list[Tensor] = []

    def network(scaled: Tensor, level: Tensor) -> Tensor:
        del level
        first.append(scaled)
        return torch.zeros_like(scaled)

    Edm().sample(network, noise(0), 2)
    torch.testing.assert_close(first[0], noise(0) * 80.0 / (80.0**2 + 0.25) ** 0.5)


def test_edm_levels_are_log_logistic_and_cut() -> None:
    sigmas = Edm().sigmas(QUANTILES)
    assert float(sigmas.min()) >= 0.001
    assert float(sigmas.max()) <= 80.0
    assert float(sigmas.median()) == pytest.approx(0.5, rel=1e-2)
    assert float((sigmas < 0.5 * 3.0**0.5).float().mean()) == pytest.approx(0.75, abs=2e-3)  # scale 0.5: logit 0.75 / 2


def test_regression_sees_no_noise_and_is_l1() -> None:
    def network(noisy: Tensor, level: Tensor) -> Tensor:
        assert not noisy.any()
        assert not level.any()
        return CLEAN + 0.5

    control = Regression()
    torch.testing.assert_close(control.sample(network, noise(3), 7), CLEAN + 0.5)
    torch.testing.assert_close(control.loss(network, CLEAN, noise(3), torch.rand(3)), torch.full((3,), 0.5))


@pytest.mark.parametrize("objective", [VelocityFlow(UNIFORM), CleanFlow(UNIFORM), Edm(), Regression()])
def test_every_objective_charges_each_sample_for_itself(objective: Objective) -> None:
    def off_in_the_second(noisy: Tensor, level: Tensor) -> Tensor:
        del level
        return noisy + torch.tensor([0.0, 100.0, 0.0])[:, None, None]

    loss = objective.loss(off_in_the_second, CLEAN, noise(0), torch.full((3,), 0.5))
    assert loss.shape == (3,)
    assert int(loss.argmax()) == 1
    assert float(loss[1]) > 90.0
