"""The five things that UVA is trained to be, by what is shown of a moment and what is asked for; and the masks of those in between.

                future frames   observed frames   actions    asked for
    policy      masked          shown             masked     actions
    video       partly masked   shown             masked     the masked places
    forward     partly masked   shown             shown      the masked places
    inverse     shown           masked            masked     actions
    full        partly masked   shown             masked     both

Source: UVA (arXiv 2503.00200), `forward_mae_encoder` and `forward_loss` of its release.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from models.uva.config import ModeName, UvaConfig

# How much of a frame is masked: the left half of a normal distribution around all of it, cut off where too little would be.
_MASKED_LEAST_RATIO, _MASKED_STD_RATIO = 0.7, 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """What is shown and what is asked for."""

    future: Literal["masked", "partly", "shown"]
    observed: bool
    actions: bool
    asks_actions: bool
    asks_video: bool


MODES: dict[ModeName, Mode] = {
    "policy": Mode(future="masked", observed=True, actions=False, asks_actions=True, asks_video=False),
    "video": Mode(future="partly", observed=True, actions=False, asks_actions=False, asks_video=True),
    "forward": Mode(future="partly", observed=True, actions=True, asks_actions=False, asks_video=True),
    "inverse": Mode(future="shown", observed=False, actions=False, asks_actions=True, asks_video=False),
    "full": Mode(future="partly", observed=True, actions=False, asks_actions=True, asks_video=True),
}


def modes_of(config: UvaConfig) -> tuple[Mode, ...]:
    """Return those that a config's training draws from: without video loss, only those that still ask for something.

    What is left of "full" without its video is then a policy that is shown parts of the future.
    """
    chosen = [MODES[name] for name in config.modes]
    return tuple(mode for mode in chosen if mode.asks_actions or config.video_loss)


def drawn_mode(config: UvaConfig, draw: torch.Generator) -> Mode:
    """Return the mode of a batch, each of the config's as likely as any other."""
    modes = modes_of(config)
    return modes[int(torch.randint(len(modes), (), generator=draw, device=draw.device))]


def drawn_mask(batch: int, n_places: int, draw: torch.Generator) -> Tensor:
    """Return which places are masked (B, S), in all future frames alike: what one frame shows cannot be copied into another.

    The share of masked places is drawn for each sample; the release draws one a batch.
    """
    uniform = torch.rand(batch, generator=draw, device=draw.device)
    least = 0.5 * (1.0 + math.erf((_MASKED_LEAST_RATIO - 1.0) / _MASKED_STD_RATIO / math.sqrt(2.0)))
    normal = math.sqrt(2.0) * torch.erfinv(2.0 * (least + (0.5 - least) * uniform) - 1.0)  # below 0
    ratio = 1.0 + _MASKED_STD_RATIO * normal
    n_masked = (n_places * ratio).ceil().clamp(1, n_places)  # (B,)
    return drawn_order(batch, n_places, draw) < n_masked[:, None]


def drawn_order(batch: int, n_places: int, draw: torch.Generator) -> Tensor:
    """Return each place's number (B, S) in a random order."""
    return torch.rand(batch, n_places, generator=draw, device=draw.device).argsort(1).argsort(1)
