"""The mimic-video policy: a frozen video model, stopped before it has made a video, and a decoder that reads actions out of it.

    pictures --autoencoder--> past latents ---+
    noise --[Euler steps to tau_v]--> future -+--> frozen video model, to its middle layer --> tokens
    instruction --text table------------------+

    tokens, tau_v, joints, age, noise --action decoder, ONE step--> positions

Trained, the future is what really followed, noised to a random tau_v: so the decoder learns from true futures what actions make them,
at every degree of their being seen, down to none. In use there is no true future: the video model makes as much of one as tau_v
says, beginning at the policy's constant noise (why a constant: models/svam/policy.py). At tau_v 1 it makes none, and is asked once:
its tokens then hold what it expects. That is the published system's best or nearly best, and the cheapest.

The exported tokens are normalised, each by itself and without weights. The decoder's first layer would do the same to raw ones, so
nothing is lost; and numbers that grow with depth would neither compare well between two runtimes nor become whole ones of 8 bits.

Source: mimic-video (arXiv 2512.15692) and its code; one-step action: arXiv 2606.05737. Details and choices: beside each part.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from typing_extensions import override

from models.chunk_head import ChunkHead
from models.flow import Network
from models.frozen_video import FrozenVideo
from models.mimic_video.action_decoder import ActionDecoder
from models.mimic_video.config import MimicVideoConfig
from models.mimic_video.cosmos import CosmosVideo
from models.moment import Moment
from models.policy import TrainablePolicy

if TYPE_CHECKING:
    from models.svam.policy import SvamPolicy

# sigma = tau / (1 - tau) of training futures: log-normal, times the root of how many frames there are; some far out in the noise.
FAR_RATIO, FAR_SIGMAS = 0.05, (200.0, 100_000.0)


class SmallVideo(FrozenVideo):
    """The small video flow of an S-VAM: it is told of one frame, and its future has all the patches."""

    config: MimicVideoConfig

    def velocity(self, noisy: Tensor, level: Tensor, past: Tensor, text: Tensor) -> Tensor:
        """Return the flow's velocity (B, T, c, g, g), from noise to data, for noisy like it at time level (B,)."""
        return self.model.transformer(noisy, level, past[:, -1], text)

    def tokens(self, noisy: Tensor, level: Tensor, past: Tensor, text: Tensor) -> Tensor:
        """Return the patches (B, T * S, dim) after the config's block, of noisy futures (B, T, c, g, g) at time level (B,)."""
        return self.model.transformer.patches(noisy, level, past[:, -1], text, self.config.read_after).flatten(1, 2)


class MimicVideoPolicy(TrainablePolicy[MimicVideoConfig]):
    """A frozen video model and the action decoder."""

    def __init__(self, config: MimicVideoConfig) -> None:
        """Build it untrained; `adopt` takes over a video model."""
        super().__init__(config)
        self.video: SmallVideo | CosmosVideo = (CosmosVideo if config.backbone == "cosmos" else SmallVideo)(config)
        self.action = ActionDecoder(config)

    @property
    @override
    def tokens_shape(self) -> tuple[int, int]:
        """Return (n_tokens, token_dim)."""
        return self.config.n_tokens, self.config.transformer_dim

    @property
    @override
    def future(self) -> tuple[int, float]:
        """Return how many frames the future of a moment has, and the milliseconds between them."""
        return self.config.n_frames, self.config.frame_step_ms

    @property
    @override
    def hot(self) -> tuple[nn.Module, ...]:
        """Return the learning parts whose calls are worth compiling on a GPU."""
        return (self.action,)

    @property
    def head(self) -> ChunkHead:
        """Return how chunks are normalised, trained and drawn."""
        return ChunkHead(self, self.config.action_objective(), self.config.n_steps)

    @override
    def adopt(self, trained: SvamPolicy) -> None:
        """Take over the video model, its texts and its noise. Raises ConfigError where it is of other sizes."""
        self.video.adopt(trained)

    def stopped_at(self, tau_v: float, video_steps: int = 1) -> MimicVideoPolicy:
        """Return this policy with the same weights, stopping the video at another time, in so many Euler steps."""
        other = copy.copy(self)
        other.config = replace(self.config, tau_v_ratio=tau_v, video_steps=video_steps)
        return other

    @override
    def context(self, rgb: Tensor, instruction: Tensor) -> Tensor:
        """Return the tokens (B, n_tokens, token_dim) for pictures of 0..255 and one-hot instructions (B, n)."""
        return self._foresee(self.video.encode(rgb), self.video.text(instruction))

    def _foresee(self, past: Tensor, text: Tensor) -> Tensor:
        """Return the tokens of the future that the video model itself makes, as far as tau_v, from the policy's noise."""
        stop, n_steps = 1.0 - self.config.tau_v_ratio, self.config.video_steps
        noisy = self.video.initial_noise.expand(len(past), -1, -1, -1, -1)
        for step in range(n_steps if stop > 0.0 else 0):
            level = _all(stop * step / n_steps, past)
            noisy = noisy + stop / n_steps * self.video.velocity(noisy, level, past, text)
        return self.video.tokens(noisy, _all(stop, past), past, text)

    def read_future(self, moment: Moment, noise: Tensor, level: Tensor) -> Tensor:
        """Return the tokens of what really followed, noised: noise is like the moment's future, level (B,) its flow time."""
        share = level[:, None, None, None, None]
        noisy = share * moment.future + (1.0 - share) * noise
        return self.video.tokens(noisy, level, moment.frames, self.video.text_table[moment.task])

    @override
    @torch.no_grad()
    def tokens(self, moment: Moment, draw: torch.Generator | None) -> Tensor:
        """Return what `context` gives, from latents; with `draw`, of a noised true future, as in training."""
        if draw is None:
            return self._foresee(moment.frames, self.video.text_table[moment.task])
        return self._noised(moment, draw)[0]

    @torch.no_grad()
    def _noised(self, moment: Moment, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the tokens (B, n_tokens, token_dim) of noised true futures, and the flow times (B,) of these."""
        level = self._video_levels(len(moment), draw)
        fresh = torch.randn(moment.future.shape, generator=draw, device=draw.device)
        own = torch.rand(len(moment), generator=draw, device=draw.device) < self.config.own_noise_ratio
        noise = torch.where(own[:, None, None, None, None], self.video.initial_noise, fresh)
        return self.read_future(moment, noise, level), level

    def _video_levels(self, n: int, draw: torch.Generator) -> Tensor:
        """Return flow times (B,) = 1 - tau_v of training futures; a share of them is 0 exactly."""
        device, config = draw.device, self.config
        normal = torch.randn(n, generator=draw, device=device)
        far, pure, where = torch.rand(3, n, generator=draw, device=device)
        low, high = (math.log(sigma) for sigma in FAR_SIGMAS)
        usual = normal + 0.5 * math.log(config.n_past + config.n_frames)
        sigma = torch.where(far < FAR_RATIO, low + where * (high - low), usual).exp()
        return torch.where(pure < config.pure_video_noise_ratio, 0.0, 1.0 / (1.0 + sigma))

    @override
    def loss(self, moment: Moment, draw: torch.Generator) -> Tensor:
        """Return the objective's loss (B,) on demonstrated joint targets, read from their noised futures."""
        tokens, video_level = self._noised(moment, draw)
        noise = torch.randn(moment.target_rad.shape, generator=draw, device=draw.device)
        uniform = torch.rand(len(moment), generator=draw, device=draw.device)
        network = self._network((tokens, video_level), moment.joints_rad, moment.age_s)
        return self.head.loss(network, moment.joints_rad, moment.target_rad, noise, uniform)

    @override
    def decode(self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor, noise: Tensor) -> Tensor:
        """Return joint targets (B, horizon, joint) in rad; the tokens are taken to be of the config's tau_v."""
        video = tokens, _all(1.0 - self.config.tau_v_ratio, tokens)
        return self.head.decode(self._network(video, joints_rad, age_s), joints_rad, noise)

    def _network(self, video: tuple[Tensor, Tensor], joints_rad: Tensor, age_s: Tensor) -> Network:
        joints = self.head.joints(joints_rad)

        def network(noisy: Tensor, level: Tensor) -> Tensor:
            return self.action(noisy, level, video, joints, age_s)

        return network


def _all(value: float, like: Tensor) -> Tensor:
    return torch.full((len(like),), value, dtype=like.dtype, device=like.device)
