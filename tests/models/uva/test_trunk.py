"""The trunk's places: patches come back, each future frame stands beside its observed one, each action beside its part of the future."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.uva.policy import UvaPolicy
from models.uva.trunk import Shown, Trunk, from_patches, patches
from tests.models.uva.tiny_uva import drawn, tiny


def test_patches_hold_what_is_near_and_come_back() -> None:
    latents = drawn(2, 3, 4, 8, 8)
    tokens = patches(latents, 2)
    assert tokens.shape == (2, 3, 16, 16)
    torch.testing.assert_close(from_patches(tokens, 2), latents, atol=0, rtol=0)
    corner = latents[1, 2, :, 2:4, 6:8].flatten()  # the second row's last patch
    torch.testing.assert_close(corner.sort().values, tokens[1, 2, 7].sort().values, atol=0, rtol=0)


def fused(trunk: Trunk, **told: Tensor) -> Tensor:
    """Return what the trunk makes of its inputs before anything is mixed (T, S, dim)."""
    found: list[Tensor] = []

    def note(_module: nn.Module, _told: Any, said: Any) -> None:
        found.append(said)

    handle = trunk.fuse.register_forward_hook(note)
    shown: dict[str, Tensor | None] = {"observed": None, "future": None, "hidden": None, "actions": None}
    trunk(Shown(**{**shown, **told}, text=drawn(1, trunk.config.text_dim)))
    handle.remove()
    return found[0].detach()[0].view(trunk.config.n_frames, trunk.config.n_places, -1)


def moved(trunk: Trunk, name: str, value: Tensor, changed: Tensor) -> Tensor:
    """Return which tokens (T, S) one changed input reaches."""
    return (fused(trunk, **{name: value}) - fused(trunk, **{name: changed})).abs().amax(-1) > 1e-6


def test_actions_stand_beside_the_part_of_the_future_in_which_they_fall(policy: UvaPolicy) -> None:
    actions = drawn(1, 4, 4)
    for row in range(4):
        changed = actions.clone()
        changed[:, row] += 1.0
        reached = moved(policy.trunk, "actions", actions, changed).flatten()
        assert reached.nonzero().flatten().tolist() == list(range(8 * row, 8 * row + 8))


def test_one_observed_frame_stands_beside_all_future_ones_and_of_several_each_beside_its_own() -> None:
    for n_history, beside in ((1, [[True, True]]), (2, [[True, False], [False, True]])):
        trunk = Trunk(tiny(n_history=n_history)).eval()
        observed = drawn(1, n_history, 16, 16)
        for number, frames in enumerate(beside):
            changed = observed.clone()
            changed[:, number] += 1.0
            assert moved(trunk, "observed", observed, changed).all(1).tolist() == frames


def test_a_masked_place_is_masked_in_every_frame(policy: UvaPolicy) -> None:
    hidden = torch.zeros(1, 16, dtype=torch.bool)
    hidden[:, 5] = True
    future = drawn(1, 2, 16, 16)
    one, other = (fused(policy.trunk, future=future + offset, hidden=hidden) for offset in (0.0, 1.0))
    assert ((one - other).abs().amax(-1) < 1e-6).tolist() == [[place == 5 for place in range(16)]] * 2


def test_the_text_is_forgotten_now_and_then_in_training_only(policy: UvaPolicy) -> None:
    shown = Shown(observed=None, future=None, hidden=None, actions=None, text=drawn(40, 8))
    with torch.no_grad():
        torch.manual_seed(0)
        texts = policy.trunk.train()._text(shown.text)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        kept = policy.trunk.eval()._text(shown.text)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    forgotten = (texts - kept).abs().amax((1, 2)) > 1e-6
    assert 0 < int(forgotten.sum()) < 15
    assert (texts[forgotten] - texts[forgotten][0]).abs().max() < 1e-6
