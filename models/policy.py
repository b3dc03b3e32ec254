"""What every policy is: two graphs that share nothing but tokens, and the statistics of the joints that it moves.

    context(rgb, instruction)             -> tokens       slow: once a foresight
    decode(tokens, joints, age, noise)    -> positions    fast: every tick

Export, gates and runtime know this and no more. Families that `forerun distill` trains by distill/family/ are `TrainablePolicy`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, cast

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from models.moment import Moment
from models.robot_side import RobotSide

if TYPE_CHECKING:
    from models.svam.policy import SvamPolicy

Config = TypeVar("Config", bound=RobotSide, covariant=True, default=RobotSide)


class Policy(nn.Module, ABC, Generic[Config]):
    """Networks of any kind between pictures and joint targets."""

    joint_mean: Tensor  # (joint,) in rad
    joint_std: Tensor
    chunk_mean: Tensor  # (horizon, joint) in rad, of targets relative to the joints at the chunk's start
    chunk_std: Tensor

    def __init__(self, config: Config) -> None:
        """Keep the config, and register statistics that change nothing until they are measured."""
        super().__init__()
        self.config = config
        for name, shape in (("joint", (config.n_joints,)), ("chunk", (config.horizon, config.n_joints))):
            self.register_buffer(f"{name}_mean", torch.zeros(shape))
            self.register_buffer(f"{name}_std", torch.ones(shape))

    @property
    @abstractmethod
    def tokens_shape(self) -> tuple[int, int]:
        """Return (n_tokens, token_dim)."""

    @abstractmethod
    def context(self, rgb: Tensor, instruction: Tensor) -> Tensor:
        """Return tokens (B, n_tokens, token_dim) for pictures of 0..255 and one-hot instructions (B, n).

        Pictures are (B, H, W, 3) where the config's n_history is 1, else (B, n_history, H, W, 3), the current one last.
        """

    @abstractmethod
    def decode(self, tokens: Tensor, joints_rad: Tensor, age_s: Tensor, noise: Tensor) -> Tensor:
        """Return joint targets (B, horizon, joint) in rad, of tokens that are age_s (B,) old; noise is standard normal, like them."""


class TrainablePolicy(Policy[Config]):
    """A family that learns from moments of recorded episodes, on top of the video model of a finished run, which it leaves as it is.

    What learns requires gradients, and nothing else does. All randomness of training comes from `draw`, but that of dropout.
    """

    @property
    @abstractmethod
    def future(self) -> tuple[int, float]:
        """Return how many frames the future of a moment has, and the milliseconds between them."""

    @abstractmethod
    def adopt(self, trained: SvamPolicy) -> None:
        """Take over what is frozen (video model, autoencoder, text table, noise) from a policy in which it is trained."""

    @abstractmethod
    def tokens(self, moment: Moment, draw: torch.Generator | None) -> Tensor:
        """Return what `context` gives, from latents; without `draw` exactly that, with it as training shows it to the action head."""

    @abstractmethod
    def loss(self, moment: Moment, draw: torch.Generator) -> Tensor:
        """Return the loss of each sample (B,)."""

    @property
    @abstractmethod
    def hot(self) -> tuple[nn.Module, ...]:
        """Return the learning parts whose calls are worth compiling on a GPU."""


def as_trainable(network: nn.Module) -> TrainablePolicy:
    """Return a network that is known to be a trainable policy as one."""
    assert isinstance(network, TrainablePolicy)
    return cast("TrainablePolicy", network)
