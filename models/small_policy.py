"""The small policy: a convolutional foresight and a one-step flow-matching action head, trainable in minutes on a CPU.

It sees the world as the family of video-action policies does: a slow network turns one picture into *foresight tokens*, a fast
one turns tokens, fresh joints and the tokens' age into a chunk of joint targets, in ONE decoding step. The tokens are trained
to say where fingertip and object are now and where they will be over the next 0.8 s (`foreseen_m`), so they foresee in metres
what a video model foresees in features.

Spatial softmax: Levine et al., "End-to-End Training of Deep Visuomotor Policies", 2016. Flow matching: Lipman et al., "Flow
Matching for Generative Modeling", 2023. Most of the training mass sits at pure noise because deployment decodes in one step.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from torch import Tensor, nn
from typing_extensions import override

from models.policy import Policy
from models.robot_side import RobotSide
from models.torch_file import fitting, read_torch, write_torch

FORESEEN_S = (0.0, 0.2, 0.4, 0.8)  # instants, after the frame, at which the tokens place these points
N_POINTS = 3  # fingertip, object, goal


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallPolicyConfig(RobotSide):
    """The robot, whose central square is halved, and the sizes of the network; the defaults make 1.7 M parameters."""

    channels: int = 48
    n_keypoints: int = 32
    n_tokens: int = 8
    token_dim: int = 32
    hidden_dim: int = 256
    n_blocks: int = 3

    @property
    def picture_px(self) -> int:
        """Return the side of the picture that the convolutions see."""
        return self.crop_px // 2


class ForesightNet(nn.Module):
    """Picture and instruction -> tokens (B, n_tokens, token_dim) and foreseen points (B, instant, point, 3) in metres."""

    grid_x: Tensor  # (side * side)
    grid_y: Tensor

    def __init__(self, config: SmallPolicyConfig) -> None:
        super().__init__()
        self.config = config
        width = config.channels
        self.stem = nn.Sequential(  # 120 px -> 30 x 30
            nn.Conv2d(3, width // 2, kernel_size=5, stride=2, padding=2),
            nn.SiLU(),
            nn.Conv2d(width // 2, width, kernel_size=3, stride=2, padding=1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
        )
        self.conv_1 = nn.Sequential(
            nn.Conv2d(width, width, kernel_size=3, padding=1), nn.GroupNorm(8, width), nn.SiLU()
        )
        self.conv_2 = nn.Sequential(
            nn.Conv2d(width, width, kernel_size=3, padding=2, dilation=2), nn.GroupNorm(8, width)
        )
        self.film = nn.Linear(config.n_instructions, 2 * width)  # what to look for depends on the instruction
        self.heatmaps = nn.Conv2d(width, config.n_keypoints, kernel_size=1)
        self.global_conv = nn.Conv2d(width, 16, kernel_size=5, stride=5)  # 30 x 30 -> 6 x 6, for what has no place
        n_features = 2 * config.n_keypoints + 16 * 36 + config.n_instructions
        self.mix = nn.Sequential(nn.Linear(n_features, config.hidden_dim), nn.SiLU())
        self.foresee = nn.Linear(config.hidden_dim, len(FORESEEN_S) * N_POINTS * 3)
        self.to_tokens = nn.Linear(
            config.hidden_dim + len(FORESEEN_S) * N_POINTS * 3, config.n_tokens * config.token_dim
        )
        side = config.picture_px // 4
        axis = torch.linspace(-1.0, 1.0, side)
        self.register_buffer("grid_x", axis.repeat(side), persistent=False)
        self.register_buffer("grid_y", axis.repeat_interleave(side), persistent=False)

    @override
    def forward(self, picture: Tensor, instruction: Tensor) -> tuple[Tensor, Tensor]:
        """Take picture (B, 3, 120, 120) in 0..1 and instruction (B, n_instructions) one-hot."""
        x = self.stem((picture - 0.5) * 4.0)  # (B, C, 30, 30)
        x = x + self.conv_1(x)
        scale, shift = self.film(instruction)[:, :, None, None].chunk(2, dim=1)
        x = x + F.silu(self.conv_2(x) * (1.0 + scale) + shift)
        # Sharpened: from a flat start, points on a heat map hardly move at all.
        heat = F.softmax(10.0 * self.heatmaps(x).flatten(2), dim=-1)  # (B, K, 900)
        keypoints = torch.cat([(heat * self.grid_x).sum(-1), (heat * self.grid_y).sum(-1)], dim=-1)  # (B, 2K)
        coarse = F.silu(self.global_conv(x)).flatten(1)  # (B, 16 * 36)
        h = self.mix(torch.cat([keypoints, coarse, instruction], dim=-1))
        foreseen = self.foresee(h)
        # Detached: the action loss must not bend the foreseen points away from the truth.
        tokens = self.to_tokens(torch.cat([h, 5.0 * foreseen.detach()], dim=-1))
        batch = picture.shape[0]
        return (
            tokens.view(batch, self.config.n_tokens, self.config.token_dim),
            foreseen.view(batch, len(FORESEEN_S), N_POINTS, 3),
        )


class FilmBlock(nn.Module):
    """A residual block whose scale and shift come from the condition."""

    def __init__(self, dim: int, condition_dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)
        self.film = nn.Linear(condition_dim, 2 * dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.SiLU(), nn.Linear(2 * dim, dim))

    @override
    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.film(condition).chunk(2, dim=-1)
        return x + self.mlp(self.norm(x) * (1.0 + scale) + shift)


class ActionNet(nn.Module):
    """Tokens, joints, age and a noisy chunk at flow time t -> the velocity of the flow (B, horizon, joint)."""

    def __init__(self, config: SmallPolicyConfig) -> None:
        super().__init__()
        self.config = config
        dim, chunk_dim = config.hidden_dim, config.horizon * config.n_joints
        self.condition = nn.Sequential(
            nn.Linear(config.n_tokens * config.token_dim + config.n_joints + 2, dim),
            nn.SiLU(),
            nn.Linear(dim, dim),
            nn.SiLU(),
        )
        self.enter = nn.Linear(chunk_dim, dim)
        self.blocks = nn.ModuleList(FilmBlock(dim, dim) for _ in range(config.n_blocks))
        self.leave = nn.Linear(dim, chunk_dim)

    @override
    def forward(self, noisy: Tensor, t: Tensor, tokens: Tensor, joints: Tensor, age_s: Tensor) -> Tensor:
        """Take noisy (B, horizon, joint), t (B,), tokens (B, T, D), joints (B, joint) normalised, age_s (B,)."""
        told = torch.cat([tokens.flatten(1), joints, 5.0 * age_s[:, None], t[:, None]], dim=-1)
        condition = self.condition(told)  # (B, dim)
        x = self.enter(noisy.flatten(1))
        for block in self.blocks:
            x = block(x, condition)
        return self.leave(x).view(-1, self.config.horizon, self.config.n_joints)


class SmallPolicy(Policy[SmallPolicyConfig]):
    """Both networks."""

    def __init__(self, config: SmallPolicyConfig) -> None:
        super().__init__(config)
        self.foresight = ForesightNet(config)
        self.action = ActionNet(config)

    @property
    @override
    def tokens_shape(self) -> tuple[int, int]:
        """Return (n_tokens, token_dim)."""
        return self.config.n_tokens, self.config.token_dim

    @override
    def context(self, rgb: Tensor, instruction: Tensor) -> Tensor:
        """Return the tokens (B, n_tokens, token_dim) of pictures (B, H, W, 3) of 0..255 and one-hot instructions (B, n)."""
        tokens, _ = self.foresight(self.picture(rgb), instruction)
        return tokens

    def picture(self, rgb: Tensor) -> Tensor:
        """Return the picture (B, 3, 120, 120) in 0..1 of camera images (B, H, W, 3): central crop, halved by averaging."""
        crop = self.config.crop_px
        top, left = (rgb.shape[1] - crop) // 2, (rgb.shape[2] - crop) // 2
        square = rgb[:, top : top + crop, left : left + crop]
        return F.avg_pool2d(square.permute(0, 3, 1, 2).float() / 255.0, 2)

    @override
    def decode(self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor, noise: Tensor) -> Tensor:
        """Return joint targets (B, horizon, joint) in rad from noise, in one Euler step of the flow from t = 0 to 1."""
        joints = (joints_rad - self.joint_mean) / self.joint_std
        start = torch.zeros_like(age_s)
        chunk = noise + self.action(noise, start, tokens, joints, age_s)
        return joints_rad[:, None] + chunk * self.chunk_std + self.chunk_mean


def save_policy(policy: SmallPolicy, path: Path) -> None:
    """Write a checkpoint atomically and durably: sizes and weights, nothing that runs on loading."""
    write_torch(path, {"family": "small", "config": asdict(policy.config), "weights": policy.state_dict()})


def load_policy(path: Path) -> SmallPolicy:
    """Return the policy in a checkpoint; raises FileNotFoundError, and ConfigError when it is damaged or does not fit."""
    saved = read_torch(path, torch.device("cpu"))
    with fitting(path):
        policy = SmallPolicy(SmallPolicyConfig(**saved["config"]))
        policy.load_state_dict(saved["weights"])
    return policy.eval()
