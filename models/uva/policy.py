"""The UVA policy: camera -> joint latent -> one token an action (slow); tokens and fresh joints -> a chunk (fast); and its other uses.

    pictures --autoencoder--> latents --+
    instruction --text table-----------+--> trunk, all of the future masked --> joint latent --> aggregator --> tokens
                                                                                     |
                                                              video head, in training and in `imagine` only
    tokens, joints, age, noise --action head, ONE step--> positions

One trunk is a policy (`context`, `decode`), a video model and forward dynamics (`imagine`), and inverse dynamics (`actions_of`),
by what it is shown (modes.py). The autoencoder is that of a finished S-VAM run, frozen.

Source: UVA (arXiv 2503.00200) and its release. Choices beside each part; for the one-step heads and the age, see heads.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from typing_extensions import override

from interfaces.errors import ConfigError
from models.chunk_head import ChunkHead
from models.flow import TimeDistribution, VelocityFlow
from models.moment import Moment
from models.picture import SquareResize
from models.policy import TrainablePolicy
from models.svam.picture_autoencoder import PictureAutoencoder
from models.uva.config import UvaConfig
from models.uva.heads import ActionHead, Aggregator, RowMlp
from models.uva.kl_autoencoder import KlAutoencoder
from models.uva.modes import Mode, drawn_mask, drawn_mode, drawn_order
from models.uva.trunk import Shown, Trunk, from_patches, patches

if TYPE_CHECKING:
    from models.svam.policy import SvamPolicy

TEXT_SEED = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Actions whose future is asked for."""

    target_rad: Tensor  # (B, horizon, joint)
    age_s: Tensor  # (B,), from the current frame to the instant at which they begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How a future is drawn: so many places at a time, each in so many steps of the flow."""

    n_rounds: int = 1  # 1: all places at once, each without knowing of the others
    n_steps: int = 1  # 1: the mean of what may come
    seed: int = 0


class UvaPolicy(TrainablePolicy[UvaConfig]):
    """Autoencoder, trunk and heads, the table of instructions, and the statistics of joints and chunks."""

    text_table: Tensor  # (n_instructions, text_dim); CLIP's text embedding at paper scale

    def __init__(self, config: UvaConfig) -> None:
        super().__init__(config)
        self.autoencoder = _autoencoder(config).requires_grad_(requires_grad=False)
        self.resize = SquareResize(config.crop_px, config.video_px)
        self.trunk = Trunk(config)
        self.aggregator = Aggregator(config)
        self.action_head = ActionHead(config)
        self.video_head = RowMlp(config, config.patch_dim)
        draw = torch.Generator().manual_seed(TEXT_SEED)  # random vectors will do: see SvamPolicy's tables
        self.register_buffer("text_table", torch.randn(config.n_instructions, config.text_dim, generator=draw))

    @property
    @override
    def tokens_shape(self) -> tuple[int, int]:
        return self.config.horizon, self.config.dim

    @property
    @override
    def future(self) -> tuple[int, float]:
        return self.config.n_frames, self.config.frame_step_ms

    @property
    @override
    def hot(self) -> tuple[nn.Module, ...]:
        return self.trunk.encoder, self.trunk.decoder

    @property
    def head(self) -> ChunkHead:
        """Return what stands between rad and the action head."""
        return ChunkHead(self, self.config.action_objective(), self.config.n_steps)

    @property
    def video_flow(self) -> VelocityFlow:
        """Return how future tokens are trained and drawn."""
        shift, pure = self.config.video_time_shift_ratio, self.config.video_pure_noise_ratio
        return VelocityFlow(TimeDistribution(shift_ratio=shift, pure_noise_ratio=pure))

    @override
    def adopt(self, trained: SvamPolicy) -> None:
        """Take over the autoencoder. Raises ConfigError where it is of other sizes."""
        for key in ("video_px", "latent_channels", "vae_channels"):
            told, wanted = getattr(trained.config, key), getattr(self.config, key)
            if told != wanted:
                raise ConfigError("the finished run", key, told, f"{wanted}, as in the config of this policy")
        self.autoencoder.load_state_dict(trained.video.get_submodule("autoencoder").state_dict())

    @override
    def context(self, rgb: Tensor, instruction: Tensor) -> Tensor:
        return self._tokens(self.encode(rgb), instruction @ self.text_table)

    @override
    def tokens(self, moment: Moment, draw: torch.Generator | None) -> Tensor:
        del draw  # what the action head sees as a policy has nothing random
        return self._tokens(moment.frames, self.text_table[moment.task])

    @override
    def decode(self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor, noise: Tensor) -> Tensor:
        told = self.action_head.told(tokens, self.head.joints(joints_rad), age_s)
        return self.head.decode(lambda noisy, level: self.action_head(noisy, level, told), joints_rad, noise)

    @override
    def loss(self, moment: Moment, draw: torch.Generator) -> Tensor:
        """Return the loss (B,) of one of the modes, drawn for the batch."""
        return self.loss_of(drawn_mode(self.config, draw), moment, draw)

    def loss_of(self, mode: Mode, moment: Moment, draw: torch.Generator) -> Tensor:
        """Return the loss (B,) of a mode: of actions, of pictures, or of both, which count the same."""
        hidden = drawn_mask(len(moment), self.config.n_places, draw)
        future = self._patches(moment.future)
        latent = self.trunk(
            Shown(
                observed=self._patches(moment.frames) if mode.observed else None,
                future=None if mode.future == "masked" else future,
                hidden=hidden if mode.future == "partly" else None,
                actions=self._actions(moment.target_rad, moment.age_s) if mode.actions else None,
                text=self.text_table[moment.task],
            )
        )
        loss = self._untouched()
        if mode.asks_actions:
            loss = loss + self._action_loss(latent, moment, draw)
        if mode.asks_video and self.config.video_loss:
            loss = loss + self._video_loss(latent, future, hidden, draw)
        return loss

    @torch.no_grad()
    def imagine(self, frames: Tensor, task: Tensor, plan: Plan | None, drawing: Drawing | None = None) -> Tensor:
        """Return the future latents (B, T, c, g, g) that frames (B, n_history, c, g, g) and tasks (B,) lead to.

        With a plan this is forward dynamics, without one video prediction. Places are filled in a random order, the same in all frames,
        a few in the first rounds and more in the later ones (MaskGIT, arXiv 2202.04200).
        """
        drawing = drawing or Drawing()
        draw = torch.Generator(device=frames.device).manual_seed(drawing.seed)
        batch, n_places = len(frames), self.config.n_places
        order = drawn_order(batch, n_places, draw)
        actions = None if plan is None else self._actions(plan.target_rad, plan.age_s)
        future = frames.new_zeros(batch, self.config.n_frames, n_places, self.config.patch_dim)
        n_hidden = n_places
        for number in range(1, drawing.n_rounds + 1):
            shown = Shown(
                observed=self._patches(frames), future=future, hidden=order < n_hidden, actions=actions,
                text=self.text_table[task],
            )  # fmt: skip
            n_left = math.floor(n_places * math.cos(math.pi / 2.0 * number / drawing.n_rounds) + 1e-9)
            drawn = self._draw_tokens(self.trunk(shown), drawing.n_steps, draw)
            fresh = (order < n_hidden) & (order >= n_left)  # (B, S)
            future = torch.where(fresh[:, None, :, None], drawn, future)
            n_hidden = n_left
        return from_patches(future, self.config.patch)

    @torch.no_grad()
    def actions_of(self, future: Tensor, task: Tensor, joints_rad: Tensor, age_s: Tensor, noise: Tensor) -> Tensor:
        """Return the joint targets (B, horizon, joint) in rad that a video (B, T, c, g, g) shows; noise is like them.

        As in the paper the observed frames are masked; what else is known are the joints (B, joint) at the chunk's start, `age_s` (B,)
        after the frame before the video.
        """
        shown = Shown(
            observed=None, future=self._patches(future), hidden=None, actions=None, text=self.text_table[task]
        )
        return self.decode(self.aggregator(self.trunk(shown)), joints_rad, age_s, noise)

    def encode(self, rgb: Tensor) -> Tensor:
        """Return latents (B, n, c, g, g) of camera pictures (B, n, H, W, 3), or (B, H, W, 3), of 0..255."""
        pictures = 2.0 * self.resize(rgb.flatten(0, -4)) - 1.0
        latents = self.autoencoder.encode(pictures)
        return latents.view(len(rgb), -1, *latents.shape[1:])

    def pictures(self, latents: Tensor) -> Tensor:
        """Return pictures (B, n, 3, p, p) in -1..1 of latents (B, n, c, g, g)."""
        said = self.autoencoder.decode(latents.flatten(0, 1))
        return said.view(*latents.shape[:2], *said.shape[1:])

    def _tokens(self, frames: Tensor, text: Tensor) -> Tensor:
        shown = Shown(observed=self._patches(frames), future=None, hidden=None, actions=None, text=text)
        return self.aggregator(self.trunk(shown))

    def _patches(self, latents: Tensor) -> Tensor:
        return patches(latents, self.config.patch)

    def _actions(self, target_rad: Tensor, age_s: Tensor) -> Tensor:
        """Return actions as the trunk reads them (B, horizon, joint + 1): where the arm is to be, and not how far from where it was."""
        age = age_s * (1000.0 / self.config.foresight_age_max_ms)
        beside = age[:, None, None].expand(-1, self.config.horizon, 1)
        return torch.cat([self.head.joints(target_rad), beside], dim=-1)

    def _action_loss(self, latent: Tensor, moment: Moment, draw: torch.Generator) -> Tensor:
        head = self.head
        told = self.action_head.told(self.aggregator(latent), head.joints(moment.joints_rad), moment.age_s)
        noise = torch.randn(moment.target_rad.shape, generator=draw, device=draw.device)
        uniform = torch.rand(len(moment), generator=draw, device=draw.device)

        def network(noisy: Tensor, level: Tensor) -> Tensor:
            return self.action_head(noisy, level, told)

        return head.loss(network, moment.joints_rad, moment.target_rad, noise, uniform)

    def _video_loss(self, latent: Tensor, future: Tensor, hidden: Tensor, draw: torch.Generator) -> Tensor:
        """Return the flow's loss (B,) over the masked tokens; each has a noise and a level of its own."""
        told, clean = latent.flatten(0, 2), future.flatten(0, 2)
        noise = torch.randn(clean.shape, generator=draw, device=draw.device)
        uniform = torch.rand(len(clean), generator=draw, device=draw.device)

        def network(noisy: Tensor, level: Tensor) -> Tensor:
            return self.video_head(noisy, level, told)

        error = self.video_flow.loss(network, clean, noise, uniform).view(future.shape[:3]).mean(1)  # (B, S)
        return (error * hidden).sum(1) / hidden.sum(1)

    def _draw_tokens(self, latent: Tensor, n_steps: int, draw: torch.Generator) -> Tensor:
        told = latent.flatten(0, 2)
        noise = torch.randn(len(told), self.config.patch_dim, generator=draw, device=draw.device)
        said = self.video_flow.sample(lambda noisy, level: self.video_head(noisy, level, told), noise, n_steps)
        return said.view(*latent.shape[:3], -1)

    def _untouched(self) -> Tensor:
        """Return 0 of all that learns: each mode leaves some of it out, which several processes that share gradients do not take."""
        learning = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return 0.0 * torch.stack([parameter.sum() for parameter in learning]).sum()


def _autoencoder(config: UvaConfig) -> PictureAutoencoder | KlAutoencoder:
    if config.autoencoder == "kl":
        return KlAutoencoder(config.vae_channels, config.latent_channels, config.video_px)
    return PictureAutoencoder(config.vae_channels, config.latent_channels)
