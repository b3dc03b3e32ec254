"""The sixth family: as little as one can be, and all that a family has to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Self, override

from models.chunk_head import ChunkHead
from models.flow import Regression
from models.moment import Moment
from models.policy import TrainablePolicy
from models.robot_side import RobotSide
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyConfig(RobotSide):
    channels: int = 4
    n_frames: int = 2
    frame_step_ms: float = 100.0

    @classmethod
    def on(cls, trained: SvamConfig, **changes: Any) -> Self:
        told: dict[str, Any] = {"channels": trained.latent_channels}
        return cls(**(trained.robot() | told | changes))


class ToyPolicy(TrainablePolicy[ToyConfig]):
    """One token: the mean latent of each frame seen. A linear action head. What it adopts is one number."""

    adopted: Tensor

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.enter = nn.Linear(config.n_history * config.channels, 8)
        self.leave = nn.Linear(8 + config.n_joints, config.horizon * config.n_joints)
        self.register_buffer("adopted", torch.zeros(()))

    @property
    @override
    def tokens_shape(self) -> tuple[int, int]:
        return 1, 8

    @property
    @override
    def future(self) -> tuple[int, float]:
        return self.config.n_frames, self.config.frame_step_ms

    @property
    @override
    def hot(self) -> tuple[nn.Module, ...]:
        return ()

    @override
    def adopt(self, trained: SvamPolicy) -> None:
        self.adopted.copy_(trained.text_table.mean())

    @override
    def context(self, rgb: Tensor, instruction: Tensor) -> Tensor:
        frames = rgb if self.config.n_history > 1 else rgb[:, None]
        seen = frames.float().mean((2, 3, 4))[..., None].expand(-1, -1, self.config.channels)  # (B, n, c)
        return self.enter(seen.flatten(1) / 255.0)[:, None] + instruction.sum() * self.adopted

    @override
    def tokens(self, moment: Moment, draw: torch.Generator | None) -> Tensor:
        return self.enter(moment.frames.mean((3, 4)).flatten(1))[:, None]

    @override
    def loss(self, moment: Moment, draw: torch.Generator) -> Tensor:
        network = self._network(self.tokens(moment, draw), moment.joints_rad)
        noise, uniform = torch.zeros_like(moment.target_rad), torch.zeros_like(moment.age_s)
        return self._head.loss(network, moment.joints_rad, moment.target_rad, noise, uniform)

    @override
    def decode(self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor, noise: Tensor) -> Tensor:
        return self._head.decode(self._network(tokens, joints_rad), joints_rad, noise) + 0.0 * age_s[:, None, None]

    @property
    def _head(self) -> ChunkHead:
        return ChunkHead(self, Regression())

    def _network(self, tokens: Tensor, joints_rad: Tensor) -> Any:
        def network(noisy: Tensor, level: Tensor) -> Tensor:
            told = torch.cat([tokens[:, 0], self._head.joints(joints_rad)], dim=1)
            return self.leave(told).view(noisy.shape) + 0.0 * (noisy + level[:, None, None])

        return network
