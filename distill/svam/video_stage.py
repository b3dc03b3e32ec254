"""Fits the video model to latents of action-free episodes, and tells how well it foresees held-out ones.

The figures to look at are squared errors of latents whose spread is 1, over all places and over those that move: of doing nothing
("persistence"), of the one step that foresight takes, and of ten. One step has the lower error, since it says the mean of what may
come; ten say one thing that may come, with edges. So a model is good when one step is far below persistence AND ten look sharp.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from distill.fitting import Figures, batch_of, normal_like
from distill.svam.clips import LatentClips
from distill.svam.figures import write_strips
from models.svam.flow_video_model import FlowVideoModel
from models.svam.policy import SvamPolicy

MANY_STEPS = 10
_LOOKED_AT = 48  # held-out clips
_SHOWN = 4
_MOVING = 0.5  # a place moves when its latent is off the current frame's by so much, squared and averaged over channels


class VideoJob:
    """A frame and an instruction in, the flow from noise to the following frames out."""

    name = "video"

    def __init__(self, policy: SvamPolicy, clips: LatentClips, batch_size: int, folder: Path) -> None:
        video = policy.video
        assert isinstance(video, FlowVideoModel)
        video.autoencoder.requires_grad_(requires_grad=False)
        self.network: nn.Module = video
        self.hot: tuple[nn.Module, ...] = (video.transformer,)
        self._clips, self._batch_size, self._folder = clips, batch_size, folder
        self._text_table = policy.text_table.to(clips.latents.device)
        self._noise = policy.initial_noise.to(clips.latents.device)

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the flow's loss of a random batch."""
        assert isinstance(network, FlowVideoModel)
        at = self._clips.learnt[batch_of(len(self._clips.learnt), self._batch_size, draw)]
        frame, future, task = self._clips.clips(at)
        uniform = torch.rand(len(at), generator=draw, device=draw.device)
        return network.loss(future, normal_like(future, draw), uniform, frame, self._text_table[task]).mean()

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return errors on held-out clips, from the policy's own noise; draw some: now and truth, one step, ten steps."""
        assert isinstance(network, FlowVideoModel)
        held_out = self._clips.held_out
        at = held_out[torch.linspace(0, len(held_out) - 1, _LOOKED_AT).long()]
        frame, future, task = self._clips.clips(at)
        noise, text = self._noise.expand(len(at), -1, -1, -1, -1), self._text_table[task]
        once, often = (network.sample(noise, frame, text, n_steps).float() for n_steps in (1, MANY_STEPS))
        moving = ((future - frame[:, None]).square().mean(2, keepdim=True) > _MOVING).expand_as(future)
        figures: Figures = {"moving_ratio": float(moving.float().mean())}
        for name, said in (("persistence", frame[:, None].expand_as(future)), ("one_step", once), ("ten_steps", often)):
            error = (said - future).square()
            figures |= {f"{name}_mse": float(error.mean()), f"{name}_moving_mse": float(error[moving].mean())}
        self._draw(network, step, (frame, future, once, often))
        return figures

    def _draw(self, network: FlowVideoModel, step: int, clips: tuple[Tensor, ...]) -> None:
        shown = torch.linspace(0, len(clips[0]) - 1, _SHOWN).long()
        frame, *videos = (part[shown].float() for part in clips)
        now = network.decode_video(frame[:, None])
        rows = [
            torch.cat([now, network.decode_video(video)], dim=1) for video in videos
        ]  # each (shown, 1 + T, 3, p, p)
        write_strips(self._folder / f"video-{step:06d}.png", [row[k] for k in range(_SHOWN) for row in rows])
