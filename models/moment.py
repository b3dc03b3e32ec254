"""What trainable families learn from: what was seen, what followed, and what the demonstrator did from some instant after it on."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One batch of moments of recorded episodes; latents are of unit size, as the autoencoder of the video model gives them.

    Within an episode, frames before the first are the first again, and those after the last are the last.
    """

    frames: Tensor  # (B, n_history, c, g, g), oldest first: the current frame is the last
    future: Tensor  # (B, T, c, g, g), the frames that followed, as far apart as the video model's
    task: Tensor  # (B,) whole numbers, the place of the instruction
    joints_rad: Tensor  # (B, joint), `age_s` after the current frame
    age_s: Tensor  # (B,)
    target_rad: Tensor  # (B, horizon, joint), the demonstrator's from then on

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.task)
