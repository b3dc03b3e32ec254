"""The Video2Act policy at small scale: a picture -> tokens of boundaries and motion (slow); tokens and fresh joints -> a chunk (fast).

    picture(s) --autoencoder--> latents --> slow system: video model, boundary and band-pass filters, formers --> tokens
    tokens, joints, age, noise --> RDT-like head, ONE step --> positions

The release runs its slow system at every eighth call and reuses what it said, in one thread, and only in evaluation. Here both run at
their own rates, the head is told how old its tokens are, and has seen such ages in training. One step of decoding, not five: at the
noise's end the best network says the mean chunk, whichever way it is trained (models/flow.py); 5 and 10 are values of `n_steps`.

Sources: arXiv 2512.03044 and jiayueru/Video2Act 19e610a; choices beside each part. The slow system of paper scale is wan.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.chunk_head import ChunkHead
from models.flow import Network
from models.frozen_video import FrozenVideo
from models.moment import Moment
from models.policy import TrainablePolicy
from models.video2act.config import Video2ActConfig
from models.video2act.head import Head
from models.video2act.slow_system import SlowSystem

if TYPE_CHECKING:
    from models.svam.policy import SvamPolicy


class Video2ActPolicy(TrainablePolicy[Video2ActConfig]):
    """A frozen video model, and what learns on top of it: formers and head."""

    def __init__(self, config: Video2ActConfig) -> None:
        """Build it untrained; `adopt` makes the video model that of a run."""
        super().__init__(config)
        self.video = FrozenVideo(config)
        self.slow = SlowSystem(config)
        self.action = Head(config)

    @property
    @override
    def tokens_shape(self) -> tuple[int, int]:
        return self.config.n_tokens, self.config.token_dim

    @property
    @override
    def future(self) -> tuple[int, float]:
        """Return what nothing here reads: the video model foresees by itself, and learns no more."""
        return self.config.n_frames, self.config.frame_step_ms

    @property
    @override
    def hot(self) -> tuple[nn.Module, ...]:
        return (self.action,)

    @override
    def adopt(self, trained: SvamPolicy) -> None:
        self.video.adopt(trained)

    @override
    def context(self, rgb: Tensor, instruction: Tensor) -> Tensor:
        return self.slow(self.video, self.video.encode(rgb), self.video.text(instruction))

    @override
    def tokens(self, moment: Moment, draw: torch.Generator | None) -> Tensor:
        del (
            draw
        )  # training shows the head what the robot will: the noise is the policy's own, ages come with the moments
        return self.slow(self.video, moment.frames, self.video.text_table[moment.task])

    @override
    def loss(self, moment: Moment, draw: torch.Generator) -> Tensor:
        tokens = self.tokens(moment, draw)
        like = moment.target_rad
        noise = torch.randn(like.shape, generator=draw, device=like.device, dtype=like.dtype)
        uniform = torch.rand(len(like), generator=draw, device=like.device)
        network = self._network(tokens, moment.joints_rad, moment.age_s)
        return self.head.loss(network, moment.joints_rad, like, noise, uniform)

    @override
    def decode(self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor, noise: Tensor) -> Tensor:
        return self.head.decode(self._network(tokens, joints_rad, age_s), joints_rad, noise)

    @property
    def head(self) -> ChunkHead:
        """Return how chunks are normalised, trained and drawn."""
        return ChunkHead(self, self.config.action_objective(), self.config.n_steps)

    def _network(self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor) -> Network:
        joints = self.head.joints(joints_rad)

        def network(noisy: Tensor, level: Tensor) -> Tensor:
            return self.action(noisy, level, tokens, joints, age_s)

        return network
