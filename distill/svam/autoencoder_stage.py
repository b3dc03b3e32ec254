"""Fits the small autoencoder to single pictures, and turns every recorded picture into a latent once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor, nn

from distill.compute import Compute
from distill.fitting import Figures, batch_of
from distill.svam.clips import ClipIndex
from distill.svam.figures import write_strips
from interfaces.durable import sync_folder
from interfaces.progress import Progress
from models.svam.picture_autoencoder import PictureAutoencoder, psnr_db

_LOOKED_AT = 256  # held-out pictures
_SHOWN = 8
_MEASURED = 2048  # pictures behind the background and the latents' spread
_FOREGROUND = 0.2  # a pixel is foreground when a channel is off the background by so much, of -1..1
_ENCODED_AT_ONCE = 128


class AutoencoderJob:
    """Pictures in, the same pictures out."""

    name = "autoencoder"

    def __init__(
        self, network: PictureAutoencoder, pictures: NDArray[np.uint8], index: ClipIndex, batch_size: int,
        brightness_ratio: float, folder: Path,
    ) -> None:  # fmt: skip
        self.network: nn.Module = network
        self.hot: tuple[nn.Module, ...] = (network.encoder, network.decoder)
        self._pictures = torch.from_numpy(pictures)
        self._learnt, self._held_out = np.flatnonzero(~index.held_out), np.flatnonzero(index.held_out)
        self._batch_size, self._brightness_ratio, self._folder = batch_size, brightness_ratio, folder
        self._background = self.some(_MEASURED, torch.device("cpu")).mean(0)

    def some(self, n: int, device: torch.device) -> Tensor:
        """Return n pictures (n, 3, p, p) to learn from, spread evenly over the episodes."""
        at = self._learnt[np.linspace(0, len(self._learnt) - 1, min(n, len(self._learnt))).astype(np.int64)]
        return as_input(self._pictures[at], device)

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the loss of a random batch, each picture a little brighter or darker."""
        assert isinstance(network, PictureAutoencoder)
        at = self._learnt[batch_of(len(self._learnt), self._batch_size, draw).cpu().numpy()]
        pictures = as_input(self._pictures[at], draw.device)
        gain = 1.0 + self._brightness_ratio * (
            2.0 * torch.rand((len(at), 1, 1, 1), generator=draw, device=draw.device) - 1.0
        )
        return network.loss(brightened(pictures, gain), self._background.to(draw.device), draw).mean()

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return PSNR over whole held-out pictures and over what is not background; draw some beside their originals."""
        assert isinstance(network, PictureAutoencoder)
        device = next(network.parameters()).device
        at = self._held_out[np.linspace(0, len(self._held_out) - 1, _LOOKED_AT).astype(np.int64)]
        pictures = as_input(self._pictures[at], device)
        said = network.decode(network.encode(pictures)).float()
        foreground = ((pictures - self._background.to(device)).abs().amax(1, keepdim=True) > _FOREGROUND).expand_as(
            said
        )
        error = (said.clamp(-1.0, 1.0) - pictures)[foreground].square().mean()
        shown = np.linspace(0, len(at) - 1, _SHOWN).astype(np.int64)
        write_strips(self._folder / f"autoencoder-{step:06d}.png", [pictures[shown], said[shown]])
        return {
            "psnr_db": float(psnr_db(said, pictures).mean()),
            "foreground_psnr_db": float(10.0 * torch.log10(4.0 / error)),
        }


def as_input(pictures: Tensor, device: torch.device) -> Tensor:
    """Return pictures (B, 3, p, p) in -1..1 of bytes (B, p, p, 3)."""
    small = pictures.to(device).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    return small.contiguous(memory_format=torch.channels_last)


def brightened(pictures: Tensor, gain: Tensor) -> Tensor:
    """Return pictures in -1..1 whose light is `gain` (B, 1, 1, 1) times as strong."""
    return (gain * (pictures + 1.0) - 1.0).clamp(-1.0, 1.0)


def episode_gains(index: ClipIndex, spread_ratio: float, seed: int) -> NDArray[np.float32]:
    """Return a brightness for each picture (picture,), the same throughout an episode."""
    drawn = np.random.default_rng(seed).uniform(1.0 - spread_ratio, 1.0 + spread_ratio, len(index))
    return drawn[index.last].astype(np.float32)


@torch.no_grad()
def write_latents(
    autoencoder: PictureAutoencoder, pictures: NDArray[np.uint8], gain: NDArray[np.float32], path: Path, compute: Compute,
    progress: Progress,
) -> None:  # fmt: skip
    """Write the latents (picture, c, g, g) of all pictures in half precision; `gain` (picture,) is their brightness."""
    half = path.with_suffix(".half")
    autoencoder = autoencoder.to(compute.device).eval()
    latents: np.memmap | None = None
    for start in range(0, len(pictures), _ENCODED_AT_ONCE):
        chosen = slice(start, start + _ENCODED_AT_ONCE)
        seen = as_input(torch.from_numpy(pictures[chosen]), compute.device)
        light = torch.from_numpy(gain[chosen]).to(compute.device)[:, None, None, None]
        with compute.autocast():
            found = autoencoder.encode(brightened(seen, light)).cpu().to(torch.float16).numpy()
        if latents is None:
            latents = open_memmap(half, mode="w+", dtype=np.float16, shape=(len(pictures), *found.shape[1:]))
        latents[chosen] = found
        progress(min(start + _ENCODED_AT_ONCE, len(pictures)), len(pictures), "pictures")
    assert latents is not None
    latents.flush()
    half.replace(path)
    sync_folder(path.parent)
