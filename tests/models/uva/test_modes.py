"""What each mode may know, and what it teaches; the mask that all future frames share; the control without pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.moment import Moment
from models.uva.config import ModeName
from models.uva.modes import MODES, drawn_mask, drawn_mode, modes_of
from models.uva.policy import UvaPolicy
from models.uva.trunk import Shown, from_patches, patches

# Of what a moment holds, what the loss of a mode depends on through the trunk's input, and not only as what is asked for.
KNOWN: dict[ModeName, set[str]] = {
    "policy": {"frames", "task"}, "video": {"frames", "task", "future"},
    "forward": {"frames", "task", "future", "target_rad", "age_s"}, "inverse": {"task", "future"},
    "full": {"frames", "task", "future"},
}  # fmt: skip


def drawing(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def other(moment: Moment, field: str) -> Moment:
    value: Tensor = getattr(moment, field)
    changed = 1 - value if field == "task" else value + 1.0
    return replace(moment, **{field: changed})


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("field", ["frames", "task", "future", "target_rad", "age_s"])
def test_the_trunk_is_shown_what_its_mode_says_and_nothing_else(
    policy: UvaPolicy, moment: Moment, name: ModeName, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    trunk = policy.trunk.forward

    def listening(*told: Any) -> Tensor:
        seen.append(trunk(*told))
        return seen[-1]

    monkeypatch.setattr(policy.trunk, "forward", listening)
    for told in (moment, other(moment, field)):
        policy.loss_of(MODES[name], told, drawing())
    moved = float((seen[0] - seen[1]).abs().max().detach())
    assert (moved > 1e-5) == (field in KNOWN[name])


@pytest.mark.parametrize("name", MODES)
def test_a_mode_teaches_the_heads_that_it_asks(policy: UvaPolicy, moment: Moment, name: ModeName) -> None:
    policy.loss_of(MODES[name], moment, drawing()).sum().backward()
    for head, asked in ((policy.action_head, MODES[name].asks_actions), (policy.video_head, MODES[name].asks_video)):
        gradients = [parameter.grad for parameter in head.parameters()]
        assert all(
            gradient is not None for gradient in gradients
        )  # several processes share gradients: none may be missing
        assert any(bool(gradient.any()) for gradient in gradients if gradient is not None) == asked
    assert policy.trunk.fuse.weight.grad is not None
    assert policy.trunk.fuse.weight.grad.any()
    assert all(parameter.grad is None for parameter in policy.autoencoder.parameters())


def test_only_masked_places_are_asked_for(policy: UvaPolicy, moment: Moment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other pictures where nothing is masked change what is shown and not what is asked for: the joint latent held, the loss stays."""
    hidden = torch.zeros(3, policy.config.n_places, dtype=torch.bool)
    hidden[:, ::2] = True
    shown = Shown(
        observed=patches(moment.frames, 2), future=None, hidden=None, actions=None, text=policy.text_table[moment.task]
    )
    latent = policy.trunk(shown)
    monkeypatch.setattr(policy.trunk, "forward", lambda _shown: latent)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr("models.uva.policy.drawn_mask", lambda *_told: hidden)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    tokens = patches(moment.future, 2)
    losses: list[Tensor] = []
    for places in (hidden, ~hidden):
        changed = from_patches(torch.where(places[:, None, :, None], tokens + 1.0, tokens), 2)
        losses.append(policy.loss_of(MODES["video"], replace(moment, future=changed), drawing()).detach())
    still = policy.loss_of(MODES["video"], moment, drawing()).detach()
    assert (losses[0] - still).abs().min() > 1e-3
    torch.testing.assert_close(losses[1], still)


def test_masks_hide_most_of_each_frame_and_differ_between_samples() -> None:
    hidden = drawn_mask(400, 16, drawing())
    share = hidden.float().mean(1)
    assert 0.7 <= float(share.min()) < 0.8  # 12 of 16
    assert float(share.max()) == 1.0
    # Half of a normal distribution around 1 with a spread of 0.25, cut at 0.7, has its mean at 0.865; rounded up to whole places, 0.9.
    assert float(share.mean()) == pytest.approx(0.895, abs=0.02)
    assert len(np.unique(hidden.numpy(), axis=0)) > 100
    torch.testing.assert_close(hidden.float().mean(0), torch.full((16,), float(share.mean())), atol=0.08, rtol=0)


def test_modes_are_drawn_as_often_as_they_are_named(make: Callable[..., UvaPolicy]) -> None:
    config = make(modes=("policy", "policy", "full", "inverse")).config
    draw = drawing()
    names = [mode for _ in range(600) for mode, told in MODES.items() if told is drawn_mode(config, draw)]
    assert names.count("policy") == pytest.approx(300, abs=50)
    assert names.count("inverse") == pytest.approx(150, abs=40)
    assert "video" not in names


def test_without_video_loss_nothing_is_learnt_from_pictures(make: Callable[..., UvaPolicy], moment: Moment) -> None:
    control = make(video_loss=False)
    assert modes_of(control.config) == (MODES["policy"], MODES["inverse"], MODES["full"])
    for seed in range(8):
        control.loss(moment, drawing(seed)).sum().backward()
    assert not any(parameter.grad.any() for parameter in control.video_head.parameters() if parameter.grad is not None)
    with_video = make().loss_of(MODES["full"], moment, drawing())
    assert (with_video > control.loss_of(MODES["full"], moment, drawing())).all()
