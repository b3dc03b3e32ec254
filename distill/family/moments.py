"""Moments out of recorded episodes: latents of what was seen and of what followed, and what the demonstrator did meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.svam.clips import ClipIndex
from distill.svam.demonstrated import Demonstrated, Pictures
from interfaces.errors import ForerunError
from models.moment import Moment
from models.policy import TrainablePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which frames belong to a moment, in recorded pictures."""

    n_history: int  # the current one included
    history_stride: int
    n_future: int
    future_stride: int

    @classmethod
    def of(cls, policy: TrainablePolicy, picture_rate_hz: float) -> Reach:
        """Return what a policy learns from; raises ForerunError where its frames lie between the recorded pictures."""
        config, (n_future, frame_step_ms) = policy.config, policy.future
        return cls(
            n_history=config.n_history,
            history_stride=_stride(config.history_step_ms, picture_rate_hz) if config.n_history > 1 else 1,
            n_future=n_future,
            future_stride=_stride(frame_step_ms, picture_rate_hz),
        )


def _stride(step_ms: float, picture_rate_hz: float) -> int:
    pictures = step_ms * picture_rate_hz / 1000.0
    if pictures < 1 or pictures % 1 != 0:
        picture_ms = 1000.0 / picture_rate_hz
        raise ForerunError(
            f"frames {step_ms:g} ms apart; expected a multiple of {picture_ms:g}, as pictures are recorded"
        )
    return round(pictures)


class Moments:
    """Moments of all recorded pictures, on the computing device."""

    def __init__(self, told: Demonstrated, index: ClipIndex, latents: Tensor, reach: Reach) -> None:
        """Take latents (picture, c, g, g) of all pictures of the index; half precision will do."""
        self._told, self._index, self._latents, self._reach = told, index, latents, reach
        self.learnt, self.held_out = told.chosen.learnt, told.chosen.held_out

    @property
    def device(self) -> torch.device:
        """Return where moments are."""
        return self._latents.device

    def of(self, pictures: Pictures, rng: np.random.Generator, age_s: float | None = None) -> Moment:
        """Return the moments around these pictures (B,); ages are drawn anew, or all are `age_s`."""
        reach, batch = self._reach, self._told.batch(pictures, rng, self.device, age_s)
        past = self._index.pasts(pictures, reach.n_history, reach.history_stride)
        future = self._index.futures(pictures, reach.n_future, reach.future_stride)
        return Moment(
            frames=self._read(past), future=self._read(future),
            task=batch.task, joints_rad=batch.joints_rad, age_s=batch.age_s, target_rad=batch.target_rad,
        )  # fmt: skip

    def _read(self, pictures: NDArray[np.int64]) -> Tensor:
        """Return the latents (B, n, c, g, g) of pictures (B, n)."""
        return self._latents[torch.from_numpy(pictures).to(self.device)].float()
