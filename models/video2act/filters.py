"""The two filters of Video2Act: where things end in a picture, and what moves in a clip. Neither learns anything.

Both are multiplications by small fixed matrices. The temporal band-pass of the release is an FFT, a mask and the FFT back; all of that is
linear in the clip's T frames, so it IS one T x T matrix, computed here by the FFT itself, and a graph needs no Fourier transform, which
TensorRT 10.3 has none of. The release's boundary filters are convolutions of 3 x 3 that are smoothing along one side and a
difference along the other: a matrix on the left and one on the right.

Chosen here where the release is unhelpful (`video2act_wan_policy.py` in jiayueru/Video2Act, 19e610a):

- Beyond its border a map goes on as it ends; the release puts zeros there. On 4 x 4 patches twelve of sixteen lie at the border, and
  zeros would draw a frame around every one of them.
- Weights are divided by their sum, so that a filter says how much a map changes from one place to the next: Sobel and Scharr can be
  exchanged, and latents that are filtered before the video model stay of the size that it knows. The release's are 8 and 32 times as large.
- "difference", each frame less the one before it, is the simpler control: it has no band, and no need of the whole clip.

Left out: MOFT (the release keeps the 4 % of the channels that vary most), whose choice of channels depends on the batch it is made in.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

_SMOOTH = {"sobel": (1.0, 2.0, 1.0), "scharr": (3.0, 10.0, 3.0)}
_EPSILON = 1e-6  # the release's; a root has no slope at 0


class Boundary(nn.Module):
    """Maps (..., h, w) -> how steeply they change at each place, like them: a magnitude, without direction."""

    down: Tensor  # (h, h), along columns
    across: Tensor  # (w, w), along rows
    smooth_down: Tensor
    smooth_across: Tensor

    def __init__(self, kind: Literal["sobel", "scharr", "laplace"], rows: int, columns: int) -> None:
        super().__init__()
        self.laplace = kind == "laplace"
        change = (1.0, -2.0, 1.0) if self.laplace else (-0.5, 0.0, 0.5)
        smooth = _SMOOTH.get(kind, (0.0, 1.0, 0.0))
        for name, size, weights in (
            ("down", rows, change), ("smooth_down", rows, smooth), ("across", columns, change), ("smooth_across", columns, smooth),
        ):  # fmt: skip
            total = 1.0 if weights is change else sum(weights)
            self.register_buffer(name, _along(size, weights) / total, persistent=False)

    @override
    def forward(self, maps: Tensor) -> Tensor:
        if self.laplace:
            return (self.down @ maps + maps @ self.across.T).abs()
        down = self.down @ maps @ self.smooth_across.T
        across = self.smooth_down @ maps @ self.across.T
        return torch.sqrt(down.square() + across.square() + _EPSILON)


class Motion(nn.Module):
    """Clips (B, T, ...) -> what changes in them over time, like them: linear in the frames of each place and channel."""

    weights: Tensor  # (T, T)

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)

    @override
    def forward(self, clips: Tensor) -> Tensor:
        return (self.weights @ clips.flatten(2)).view(clips.shape)


def band_pass(passed: tuple[bool, ...], n_frames: int) -> Tensor:
    """Return the matrix (T, T) that keeps, of the waves of 0, 1, ... T / 2 periods a clip, those that pass."""
    waves = np.fft.rfft(
        np.eye(n_frames), axis=0
    )  # of clips with one frame each: what becomes of it is a column of the matrix
    kept = np.fft.irfft(waves * np.array(passed)[:, None], n=n_frames, axis=0)
    return torch.from_numpy(kept.astype(np.float32))


def difference(n_frames: int) -> Tensor:
    """Return the matrix (T, T) that takes from each frame the one before it; before the first there is none, and nothing moved."""
    weights = torch.eye(n_frames) - torch.diag(torch.ones(n_frames - 1), -1)
    weights[0] = 0.0
    return weights


def passed_bins(n_frames: int, frame_step_ms: float, low_hz: float, high_hz: float) -> tuple[bool, ...]:
    """Return which waves of a clip lie from low to high, of 0, 1, ... T / 2 periods; that of 0, which is what stays, never does."""
    base_hz = 1000.0 / (n_frames * frame_step_ms)
    return tuple(periods > 0 and low_hz <= periods * base_hz <= high_hz for periods in range(n_frames // 2 + 1))


def _along(size: int, weights: tuple[float, float, float]) -> Tensor:
    """Return the matrix (size, size) that puts weights on each place's neighbour before, itself, and its neighbour behind it."""
    matrix = torch.zeros(size, size)
    for place in range(size):
        for step, weight in zip((-1, 0, 1), weights, strict=True):
            matrix[place, min(max(place + step, 0), size - 1)] += weight
    return matrix
