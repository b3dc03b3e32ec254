"""Heads for one step: mean flow's identity on flows that are known, who learns in IMLE, and what becomes of two equally right answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from models.attention import Attention, LevelEmbedding, ScalarEmbedding
from models.flow import UNIFORM, Network, Objective, VelocityFlow
from models.objectives import objective_of
from models.one_step import Imle, MeanFlow

CLEAN = torch.linspace(-1.0, 1.0, 3 * 4 * 2).view(3, 4, 2)
UNIFORMS = torch.tensor([0.1, 0.6, 0.9])


def noise(seed: int, like: Tensor = CLEAN) -> Tensor:
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


# Mean flow.


def test_times_lie_in_order_and_half_of_them_coincide() -> None:
    t, span = MeanFlow(apart_ratio=0.5).spans((torch.arange(200_000) + 0.5) / 200_000)
    assert float(t.min()) >= 0.0
    assert float((t + span).max()) <= 1.0
    assert float((span > 0.0).float().mean()) == pytest.approx(0.5, abs=1e-2)
    apart = span > 0.0
    assert float(span[apart].mean()) == pytest.approx(1 / 3, abs=1e-2)  # of two uniform numbers
    assert float(t[apart].mean()) == pytest.approx(1 / 3, abs=1e-2)
    assert float(t[~apart].mean()) == pytest.approx(1 / 2, abs=1e-2)
    assert float((t[apart] > 0.7).float().mean()) == pytest.approx(0.09, abs=1e-2)  # so the two are independent


def test_the_mean_velocity_of_a_known_flow_costs_nothing() -> None:
    """Towards one point c all flow along dx/dt = (c - x) / (1 - t): whoever starts at x is, at r, at x + (c - x)(r - t) / (1 - t)."""

    def exact(noisy: Tensor, level: Tensor) -> Tensor:
        t = level[:, 0, None, None]
        return (CLEAN - noisy) / (1.0 - t)

    assert MeanFlow().loss(exact, CLEAN, noise(0), UNIFORMS).max() < 1e-6


def test_the_identity_needs_both_derivatives() -> None:
    """The network's own change along the path is in the target: by x (with the velocity), by t, and by the span (which shrinks)."""
    start, (t, span) = noise(0), MeanFlow().spans(UNIFORMS)

    def network(noisy: Tensor, level: Tensor) -> Tensor:
        now, ahead = level[:, 0, None, None], level[:, 1, None, None]
        return 0.5 * noisy + 2.0 * now + 3.0 * ahead

    velocity, wide = CLEAN - start, span[:, None, None]
    at = t[:, None, None] * CLEAN + (1.0 - t[:, None, None]) * start
    target = velocity + wide * (0.5 * velocity + 2.0 - 3.0)
    said = network(at, torch.stack([t, span], dim=-1))
    expected = (said - target).square().flatten(1).mean(1)
    squared = MeanFlow(weighting_ratio=0.0).loss(network, CLEAN, start, UNIFORMS)
    torch.testing.assert_close(squared, expected)
    torch.testing.assert_close(
        MeanFlow(weighting_ratio=1.0).loss(network, CLEAN, start, UNIFORMS), expected / (expected + 1e-3)
    )


def test_the_target_is_not_learnt_from() -> None:
    scale = torch.ones((), requires_grad=True)

    def network(noisy: Tensor, level: Tensor) -> Tensor:
        return scale * level[:, :1, None].expand_as(noisy)

    start, (t, span) = noise(0), MeanFlow().spans(UNIFORMS)
    (found,) = torch.autograd.grad(MeanFlow(weighting_ratio=0.0).loss(network, CLEAN, start, UNIFORMS).sum(), scale)
    said, target = t[:, None, None], CLEAN - start + span[:, None, None]  # du/dt is the scale, which is 1
    torch.testing.assert_close(found, (2.0 * (said - target) * said).flatten(1).mean(1).sum())


def test_mean_flow_goes_through_attention_and_learns_there() -> None:
    attention = Attention(2, 1)

    def network(noisy: Tensor, level: Tensor) -> Tensor:
        return attention(noisy + level.sum(-1)[:, None, None])

    MeanFlow().loss(network, CLEAN, noise(0), UNIFORMS).sum().backward()
    for name, value in attention.named_parameters():
        assert value.grad is not None, name
        assert name == "to_k.bias" or value.grad.abs().max() > 0.0, name  # attention does not feel that one


def test_mean_flow_goes_from_noise_to_data_in_equal_parts() -> None:
    asked = list[list[float]]()

    def straight(noisy: Tensor, level: Tensor) -> Tensor:
        del noisy
        asked.append([round(float(value), 4) for value in level[0]])
        return CLEAN - noise(0)

    for n_steps in (1, 2):
        torch.testing.assert_close(MeanFlow().sample(straight, noise(0), n_steps), CLEAN)
    assert asked == [[0.0, 1.0], [0.0, 0.5], [0.5, 0.5]]


# Implicit maximum likelihood.


def test_the_nearest_answer_learns_and_no_other() -> None:
    start = (
        torch.tensor([0.3, 5.0, -0.8])[:, None, None].expand(3, 4, 2).clone()
    )  # constant noises, so that nearness is plain
    clean = torch.tensor([4.0, -1.0, 0.0])[:, None, None].expand(3, 4, 2)
    shift = torch.zeros(3, requires_grad=True)

    def network(noisy: Tensor, level: Tensor) -> Tensor:
        assert not level.any()
        return noisy + shift[:, None, None]

    loss = Imle(candidates=3).loss(network, clean, start, UNIFORMS)
    torch.testing.assert_close(loss.detach(), torch.tensor([1.0, 0.2, 0.3]))  # to 5.0, to -0.8 and to 0.3
    (gradient,) = torch.autograd.grad(loss.sum(), shift)
    torch.testing.assert_close(gradient, torch.tensor([1.0, 1.0, 1.0]))
    torch.testing.assert_close(
        Imle(candidates=1).loss(network, clean, start, UNIFORMS).detach(), torch.tensor([3.7, 6.0, 0.8])
    )


def test_an_answer_that_is_near_enough_is_passed_over() -> None:
    start = torch.tensor([0.3, 5.0, -0.8])[:, None, None].expand(3, 4, 2)
    clean = torch.tensor([0.31, 0.31, 0.31])[:, None, None].expand(3, 4, 2)

    def network(noisy: Tensor, level: Tensor) -> Tensor:
        del level
        return noisy

    def losses(rejected_ratio: float) -> Tensor:
        return Imle(candidates=3, rejected_ratio=rejected_ratio).loss(network, clean, start, UNIFORMS)

    torch.testing.assert_close(losses(0.0), torch.full((3,), 0.01))
    torch.testing.assert_close(losses(0.02), torch.full((3,), 1.11))
    assert losses(10.0).tolist() == [0.0, 0.0, 0.0]


def test_more_steps_change_nothing_for_imle() -> None:
    def network(noisy: Tensor, level: Tensor) -> Tensor:
        assert not level.any()
        return 2.0 * noisy

    for n_steps in (1, 10):
        torch.testing.assert_close(Imle().sample(network, noise(0), n_steps), 2.0 * noise(0))


# The second level.


def test_with_one_level_the_embedding_is_that_of_a_scalar_weights_and_all() -> None:
    torch.manual_seed(0)
    one = LevelEmbedding(8)
    torch.manual_seed(0)
    plain = ScalarEmbedding(8)
    assert {*one.state_dict()} == {*plain.state_dict()}
    torch.testing.assert_close(one(UNIFORMS), plain(UNIFORMS), rtol=0, atol=0)


def test_with_two_levels_both_are_told() -> None:
    torch.manual_seed(0)
    two = LevelEmbedding(8, 2)
    level = torch.tensor([[0.2, 0.3], [0.2, 0.4], [0.3, 0.3]])
    first, other_span, other_time = two(level)
    assert (first - other_span).abs().max() > 1e-3
    assert (first - other_time).abs().max() > 1e-3


# Two equally right answers.


class ToyNet(nn.Module):
    """Noisy (B, 2, 1), level and a condition (B, 2) -> like the noisy; no nn.Linear, whose forward derivative is slow on small batches."""

    def __init__(self, n_levels: int) -> None:
        super().__init__()
        widths = (2 + 2 + n_levels, 64, 64, 2)
        self.weights = nn.ParameterList(torch.randn(a, b) / a**0.5 for a, b in pairwise(widths))
        self.biases = nn.ParameterList(torch.zeros(width) for width in widths[1:])

    @override
    def forward(self, noisy: Tensor, level: Tensor, condition: Tensor) -> Tensor:
        """Return what the objective asks for."""
        x = torch.cat([noisy.flatten(1), condition, level.view(len(noisy), -1)], dim=-1)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = functional.silu(x @ weight + bias)
        return (x @ self.weights[-1] + self.biases[-1]).view_as(noisy)


def toy(n: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return conditions (n, 2), and for each of them, by lot, (1, height) or (-1, height): the height is told, the side is not."""
    condition = 2.0 * torch.rand(n, 2, generator=draw) - 1.0
    side = 2.0 * torch.randint(0, 2, (n,), generator=draw) - 1.0
    return condition, torch.stack([side, 0.5 * condition[:, 0]], dim=-1)[:, :, None]


@cache
def fitted(objective: Any, n_steps: int = 600) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Train a head on the toy; return what gives sides (n,) and errors of the height (n,) by the number of steps of decoding."""

    def told(condition: Tensor) -> Network:
        def network(noisy: Tensor, level: Tensor) -> Tensor:
            return net(noisy, level, condition)

        return network

    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    net = ToyNet(objective.n_levels)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for step in range(n_steps):
        optimizer.param_groups[0]["lr"] = 1e-2 * min(1.0, 2.0 * (n_steps - step) / n_steps)
        condition, clean = toy(128, draw)
        noisy = torch.randn(clean.shape, generator=draw)
        loss = objective.loss(told(condition), clean, noisy, torch.rand(128, generator=draw))
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()

    @torch.no_grad()
    def answers(n_decoding: int) -> tuple[Tensor, Tensor]:
        condition, clean = toy(2000, torch.Generator().manual_seed(1))
        said = objective.sample(told(condition), noise(2, clean), n_decoding)
        return said[:, 0, 0], (said - clean)[:, 1, 0].abs()

    return answers


def in_between_ratio(sides: Tensor) -> float:
    return float((sides.abs() < 0.5).float().mean())


@pytest.mark.parametrize("objective", [MeanFlow(), Imle()], ids=["mean-flow", "imle"])
def test_one_step_keeps_two_answers_apart(objective: Objective) -> None:
    sides, off = fitted(objective)(1)
    assert in_between_ratio(sides) < 0.2
    assert float(((sides.abs() - 1.0).abs() < 0.25).float().mean()) > 0.7
    assert 0.2 < float((sides < 0.0).float().mean()) < 0.8  # and gives both
    assert float(off.mean()) < 0.1


def test_one_step_of_a_velocity_flow_answers_in_between_and_ten_steps_do_not() -> None:
    answers = fitted(VelocityFlow(UNIFORM))
    sides, off = answers(1)
    assert in_between_ratio(sides) > 0.95
    assert float(sides.std()) < 0.2  # whatever the noise: it is the mean
    assert float(off.mean()) < 0.3
    sides, _ = answers(10)
    assert in_between_ratio(sides) < 0.2
    assert 0.3 < float((sides < 0.0).float().mean()) < 0.7


def test_ten_steps_of_mean_flow_are_no_worse_than_one() -> None:
    answers = fitted(MeanFlow())
    assert in_between_ratio(answers(10)[0]) <= in_between_ratio(answers(1)[0])


# All objectives by name.


@pytest.mark.parametrize(
    ("name", "n_levels"),
    [("velocity", 1), ("clean", 1), ("edm", 1), ("regression", 1), ("mean-flow", 2), ("imle", 1)],
)
def test_every_objective_has_a_name(name: Any, n_levels: int) -> None:
    objective = objective_of(name)
    assert objective.n_levels == n_levels

    def network(noisy: Tensor, level: Tensor) -> Tensor:
        assert level.shape == ((3,) if n_levels == 1 else (3, 2))
        return torch.zeros_like(noisy)

    loss = objective.loss(network, CLEAN, noise(0), UNIFORMS)
    assert loss.shape == (3,)
    assert objective.sample(network, noise(0), 2).shape == CLEAN.shape
