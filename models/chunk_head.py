"""What all action heads share: chunks relative to the joints, both normalised, and an objective that trains and draws them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from models.flow import Network, Objective
from models.policy import Policy


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """Stands between rad and a network (noisy chunk (B, horizon, joint), level (B,)) -> like the chunk, all normalised.

    The network has seen tokens, joints and age by other ways; `joints` normalises these for it.
    """

    policy: Policy  # whose statistics normalise
    objective: Objective
    n_steps: int = 1  # of decoding

    def joints(self, joints_rad: Tensor) -> Tensor:
        """Return normalised joints (B, joint)."""
        return (joints_rad - self.policy.joint_mean) / self.policy.joint_std

    def chunk(self, joints_rad: Tensor, target_rad: Tensor) -> Tensor:
        """Return the normalised chunk (B, horizon, joint) of joint targets like it."""
        return (target_rad - joints_rad[:, None] - self.policy.chunk_mean) / self.policy.chunk_std

    def targets(self, joints_rad: Tensor, chunk: Tensor) -> Tensor:
        """Return the joint targets (B, horizon, joint) in rad of a normalised chunk."""
        return joints_rad[:, None] + chunk * self.policy.chunk_std + self.policy.chunk_mean

    def loss(self, network: Network, joints_rad: Tensor, target_rad: Tensor, noise: Tensor, uniform: Tensor) -> Tensor:
        """Return the objective's loss (B,) for demonstrated joint targets; noise is like them, uniform (B,) becomes the level."""
        return self.objective.loss(network, self.chunk(joints_rad, target_rad), noise, uniform)

    def decode(self, network: Network, joints_rad: Tensor, noise: Tensor) -> Tensor:
        """Return joint targets (B, horizon, joint) in rad from noise like them."""
        return self.targets(joints_rad, self.objective.sample(network, noise, self.n_steps))
