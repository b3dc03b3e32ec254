"""The S-VAM policy: one picture -> foresight tokens (slow), tokens and fresh joints -> a chunk of joint targets (fast).

    picture --autoencoder--> latent --+                                    +--> semantic decoupler --+
    noise ---------------------------+--> UNet, ONE step, cut at the taps --+                        +--> condenser --> encoder --> tokens
    instruction --text table--------+                                      +--> geometric decoupler -+
    picture --anchors------------------------------------------------------^

    tokens, joints, age, noise --action network, ONE step--> positions

The exported foresight draws no noise: `initial_noise` is one constant, part of the policy, the same in training (self-distillation
and action expert) and on the robot. The paper and its code draw fresh noise at every call, so the same picture gives another
foresight each time. A constant makes the deployed network a function of what it is shown: its outputs can be compared bit for bit
with those of the workstation, quantisation can be judged frame by frame, and the decouplers' target, the video that this very noise
becomes, has no randomness left that they could not see. It gives up drawing several futures for one picture. `context` takes any
noise, so that training can do either.

Source: S-VAM (arXiv 2603.16195); one-step action: arXiv 2606.05737. Details and choices: beside each part.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor
from typing_extensions import override

from models.chunk_head import ChunkHead
from models.flow import Network
from models.picture import SquareResize
from models.policy import Policy
from models.svam.action_expert import ActionNet, ContextEncoder
from models.svam.anchors import IMAGENET_MEAN, IMAGENET_STD, build_anchors
from models.svam.condenser import Condenser
from models.svam.config import SvamConfig
from models.svam.decoupler import Decoupler
from models.svam.flow_video_model import FlowVideoModel
from models.svam.video_model import VideoModel, build_video_model
from models.torch_file import fitting, read_torch, write_torch

NOISE_SEED = 700


class SvamPolicy(Policy[SvamConfig]):
    """All networks of the policy, the tables of its instructions, and its noise."""

    initial_noise: Tensor  # (T, c, g, g)
    text_table: Tensor  # (n_instructions, n_text_tokens, text_dim); CLIP's last hidden state at paper scale
    goal_table: Tensor  # (n_instructions, goal_dim); CLIP's text embedding at paper scale
    picture_mean: Tensor  # (3, 1, 1)
    picture_std: Tensor

    def __init__(self, config: SvamConfig, video: VideoModel | FlowVideoModel | None = None) -> None:
        super().__init__(config)
        untrained = FlowVideoModel if config.backbone == "transformer" else build_video_model
        self.video: VideoModel | FlowVideoModel = video or untrained(config)
        self.semantic_anchor, self.geometric_anchor = build_anchors(config)
        self.semantic_decoupler = Decoupler(config, config.semantic_dim)
        self.geometric_decoupler = Decoupler(config, config.geometric_dim)
        self.condenser = Condenser(config)
        self.encoder = ContextEncoder(config)
        self.action = ActionNet(config)
        self.video_resize = SquareResize(config.crop_px, config.video_px)
        self.anchor_resize = SquareResize(
            config.crop_px, config.anchor_px, "bicubic" if config.anchor == "vit" else "bilinear"
        )  # as in the pictures that each kind of anchor was trained on
        self._register_tables()

    def _register_tables(self) -> None:
        config = self.config
        draw = torch.Generator().manual_seed(NOISE_SEED)
        side, n_instructions = config.latent_px, config.n_instructions
        # Tables start as random vectors: from one-hot instructions, all that learned ones could add is a linear map, and the
        # layers that read them have one.
        noise_shape = (config.n_frames, config.latent_channels, side, side)
        self.register_buffer("initial_noise", torch.randn(noise_shape, generator=draw))
        self.register_buffer(
            "text_table", torch.randn(n_instructions, config.n_text_tokens, config.text_dim, generator=draw)
        )
        self.register_buffer("goal_table", torch.randn(n_instructions, config.goal_dim, generator=draw))
        self.register_buffer("picture_mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("picture_std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    @property
    @override
    def tokens_shape(self) -> tuple[int, int]:
        """Return (n_tokens, token_dim)."""
        return self.config.n_tokens, self.config.token_dim

    def features(self, rgb: Tensor, instruction: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the video model's one-step features (B, T, C, grid, grid).

        Takes pictures (B, H, W, 3) of 0..255, one-hot instructions (B, n), and noise (B, T, c, g, g), the policy's own when absent.
        """
        frame = self.video.encode_frame(2.0 * self.video_resize(rgb) - 1.0)
        return self.video.features(self._noise(noise, len(rgb)), frame, self.text(instruction))

    def text(self, instruction: Tensor) -> Tensor:
        """Return the text tokens (B, L, text_dim) of one-hot instructions (B, n)."""
        return (instruction @ self.text_table.flatten(1)).view(len(instruction), *self.text_table.shape[1:])

    def anchors(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Return the experts' features of the current frame, semantic and geometric, each (B, dim, grid, grid)."""
        picture = (self.anchor_resize(rgb) - self.picture_mean) / self.picture_std
        return self.semantic_anchor(picture), self.geometric_anchor(picture)

    def foresight(self, features: Tensor, semantic: Tensor, geometric: Tensor) -> Tensor:
        """Return all that is foreseen (B, T, S, C): one-step features, semantic and geometric foresight, side by side."""
        return torch.cat(
            [
                _places(features),
                self.semantic_decoupler(features, semantic),
                self.geometric_decoupler(features, geometric),
            ],
            dim=-1,
        )

    @override
    def context(self, rgb: Tensor, instruction: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return the tokens (B, n_tokens, token_dim); arguments as of `features`."""
        frame = 2.0 * self.video_resize(rgb) - 1.0
        picture = (self.anchor_resize(rgb) - self.picture_mean) / self.picture_std
        seen = self.seen(frame, picture, self.text(instruction), noise)
        return self.encoder(self.condenser(seen), instruction @ self.goal_table)

    def seen(self, frame: Tensor, picture: Tensor, text: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return what the action expert is shown of the world (B, T, S, C), by the config's `sees`.

        Takes the frame (B, 3, p, p) as the video model reads it, -1..1, and the picture as the anchors do, in ImageNet's
        normalisation. "features" is VPP: decouplers and anchors do not exist for it, also not as zeros, so nothing that they know
        can pass, and a graph of it has none of their cost. "frame" is the policy without a video model: all that S-VAM knows of the
        present, which is the latent and what both anchors see, in every future frame's place; what is learnt from actions is as in
        the other two, but for the width of the condenser's first layer.
        """
        latent = self.video.encode_frame(frame)
        if self.config.sees == "frame":
            return self._present(latent, self.semantic_anchor(picture), self.geometric_anchor(picture))
        features = self.video.features(self._noise(noise, len(frame)), latent, text)
        if self.config.sees == "features":
            return _places(features)
        return self.foresight(features, self.semantic_anchor(picture), self.geometric_anchor(picture))

    def _present(self, latent: Tensor, semantic: Tensor, geometric: Tensor) -> Tensor:
        fitting = F.adaptive_avg_pool2d(latent, self.config.grid)  # as it is, where its grid is that of the features
        now = torch.cat([fitting, semantic, geometric], dim=1)[:, None]  # (B, 1, C, g, g)
        return _places(now).expand(-1, self.config.n_frames, -1, -1)

    def _noise(self, noise: Tensor | None, batch: int) -> Tensor:
        return self.initial_noise.expand(batch, -1, -1, -1, -1) if noise is None else noise

    @property
    def head(self) -> ChunkHead:
        """Return how chunks are normalised, trained and drawn."""
        return ChunkHead(self, self.config.action_objective(), self.config.n_steps)

    def action_loss(
        self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor, chunk_rad: Tensor, noise: Tensor
    ) -> Tensor:
        """Return the objective's loss (B,) for demonstrated joint targets (B, horizon, joint); noise is like them."""
        uniform = torch.rand(len(noise), device=noise.device)
        return self.head.loss(self._network(tokens, joints_rad, age_s), joints_rad, chunk_rad, noise, uniform)

    @override
    def decode(self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor, noise: Tensor) -> Tensor:
        """Return joint targets (B, horizon, joint) in rad from noise like them, in the config's number of steps."""
        return self.head.decode(self._network(tokens, joints_rad, age_s), joints_rad, noise)

    def _network(self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor) -> Network:
        joints = self.head.joints(joints_rad)

        def network(noisy: Tensor, level: Tensor) -> Tensor:
            return self.action(noisy, level, tokens, joints, age_s)

        return network


def _places(maps: Tensor) -> Tensor:
    """Return (B, T, S, C) of maps (B, T, C, g, g)."""
    return maps.flatten(3).transpose(2, 3)


def save_policy(policy: SvamPolicy, path: Path) -> None:
    """Write a checkpoint atomically and durably: sizes and weights, nothing that runs on loading."""
    write_torch(path, {"family": "svam", "config": asdict(policy.config), "weights": policy.state_dict()})


def load_policy(path: Path) -> SvamPolicy:
    """Return the policy in a checkpoint; raises FileNotFoundError, and ConfigError when it is damaged or does not fit."""
    saved = read_torch(path, torch.device("cpu"))
    with fitting(path):
        policy = SvamPolicy(SvamConfig(**saved["config"]))
        policy.load_state_dict(saved["weights"])
    return policy.eval()
