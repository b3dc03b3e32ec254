"""The fixed matrices do what the transform and the convolutions do that they stand for, and nothing stays of what does not move."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor

from models.video2act.filters import Boundary, Motion, band_pass, difference, passed_bins

FFT: Any = torch.fft  # its functions have no types
SOBEL = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8.0
SCHARR = torch.tensor([[-3.0, 0.0, 3.0], [-10.0, 0.0, 10.0], [-3.0, 0.0, 3.0]]) / 32.0
LAPLACE = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def convolved(maps: Tensor, kernel: Tensor) -> Tensor:
    """Return maps (B, C, h, w), which go on beyond their borders, convolved one by one."""
    padded = F.pad(maps.flatten(0, 1)[:, None], (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, kernel[None, None]).view(maps.shape)


@pytest.mark.parametrize(("kind", "kernel"), [("sobel", SOBEL), ("scharr", SCHARR)])
def test_boundaries_are_the_magnitude_of_two_convolutions(kind: Literal["sobel", "scharr"], kernel: Tensor) -> None:
    maps = drawn(2, 3, 5, 7)
    wanted = torch.sqrt(convolved(maps, kernel).square() + convolved(maps, kernel.T).square() + 1e-6)
    torch.testing.assert_close(Boundary(kind, 5, 7)(maps), wanted)


def test_laplace_is_one_convolution_without_its_sign() -> None:
    maps = drawn(2, 3, 4, 4)
    torch.testing.assert_close(Boundary("laplace", 4, 4)(maps), convolved(maps, LAPLACE).abs())


@pytest.mark.parametrize("kind", ["sobel", "scharr", "laplace"])
def test_a_flat_map_has_no_boundaries_not_even_at_its_border(kind: Literal["sobel", "scharr", "laplace"]) -> None:
    assert float(Boundary(kind, 4, 6)(torch.full((1, 4, 6), 3.0)).max()) < 2e-3


def test_a_slope_is_as_steep_as_it_is() -> None:
    slope = torch.arange(6.0).expand(1, 5, 6) * 0.5
    for kind in ("sobel", "scharr"):
        inside = Boundary(kind, 5, 6)(slope)[0, 1:-1, 1:-1]
        torch.testing.assert_close(inside, torch.full((3, 4), 0.5), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("n_frames", "low_hz", "high_hz"), [(8, 1.0, 4.0), (8, 2.0, 5.0), (16, 1.0, 7.0), (7, 0.1, 3.0)]
)
def test_the_band_pass_is_the_transform_a_mask_and_the_transform_back(
    n_frames: int, low_hz: float, high_hz: float
) -> None:
    clips = drawn(2, n_frames, 3, 4)
    frequencies: Tensor = FFT.rfftfreq(n_frames, d=0.1)
    mask = (frequencies >= low_hz) & (frequencies <= high_hz)
    passed = passed_bins(n_frames, 100.0, low_hz, high_hz)
    assert passed == tuple(bool(one) for one in mask)
    wanted: Tensor = FFT.irfft(FFT.rfft(clips, dim=1) * mask[:, None, None], n=n_frames, dim=1)
    torch.testing.assert_close(Motion(band_pass(passed, n_frames))(clips), wanted, atol=1e-5, rtol=1e-5)


def test_what_stays_never_passes() -> None:
    assert passed_bins(8, 100.0, 0.0, 100.0) == (False, True, True, True, True)
    still = drawn(1, 1, 5).expand(1, 8, 5)
    for weights in (band_pass((False, True, True, True, True), 8), difference(8)):
        assert float(Motion(weights)(still).abs().max()) < 1e-5


def test_a_wave_in_the_band_passes_whole_and_one_outside_is_gone() -> None:
    motion = Motion(band_pass(passed_bins(8, 100.0, 1.0, 4.0), 8))
    time = torch.arange(8) * 2.0 * math.pi / 8.0
    inside, outside = torch.cos(2.0 * time)[None, :, None], torch.cos(4.0 * time)[None, :, None]
    torch.testing.assert_close(motion(inside), inside, atol=1e-5, rtol=0)
    assert float(motion(outside).abs().max()) < 1e-5


def test_the_difference_is_to_the_frame_before() -> None:
    clips = drawn(2, 8, 3)
    moved = Motion(difference(8))(clips)
    torch.testing.assert_close(moved[:, 1:], clips[:, 1:] - clips[:, :-1])
    assert float(moved[:, 0].abs().max()) == 0.0
