"""The small autoencoder: sizes, unit-sized latents, a weight on what is not table, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.svam.picture_autoencoder import PictureAutoencoder, psnr_db


def pictures(n: int = 4) -> Tensor:
    """Grey squares with one bright spot each."""
    shown = torch.zeros(n, 3, 32, 32)
    for index in range(n):
        shown[index, index % 3, 6 * (index % 4) : 6 * (index % 4) + 8, 10:18] = 0.9
    return shown


def test_each_width_halves_once() -> None:
    network = PictureAutoencoder((8, 16, 16), 5)
    latents = network.encode(pictures())
    assert latents.shape == (4, 5, 4, 4)
    assert network.decode(latents).shape == (4, 3, 32, 32)


def test_latents_are_unit_sized_once_it_has_seen_pictures() -> None:
    torch.manual_seed(0)
    network = PictureAutoencoder((8, 16), 4)
    before = network.decode(network.encode(pictures()))
    network.fit_latents(pictures())
    latents = network.encode(pictures())
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        network.decode(latents), before, atol=1e-4, rtol=1e-4
    )  # the scale goes out as it came in


def test_what_is_not_background_counts_five_times() -> None:
    class SaysGrey(PictureAutoencoder):
        def __init__(self) -> None:
            super().__init__((8, 8), 4)
            for parameter in self.parameters():
                torch.nn.init.zeros_(parameter)

    network, draw = SaysGrey(), torch.Generator().manual_seed(0)
    shown = pictures(1)
    background = shown[0]
    known, unknown = (network.loss(shown, seen, draw).item() for seen in (background, torch.zeros(3, 32, 32)))
    assert unknown == pytest.approx(5.0 * known)


def test_it_learns() -> None:
    torch.manual_seed(0)
    network, shown, draw = PictureAutoencoder((8, 16), 4), pictures(8), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(network.parameters(), 5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        network.loss(shown, torch.zeros(3, 32, 32), draw).mean().backward()
        optimizer.step()
    assert psnr_db(network.decode(network.encode(shown)), shown).mean().item() > 24.0  # saying grey has 18 dB


def test_psnr_is_that_of_the_textbook() -> None:
    shown = torch.zeros(2, 3, 4, 4)
    assert psnr_db(shown + 0.2, shown).tolist() == pytest.approx([20.0, 20.0], abs=1e-4)  # a tenth of the range
