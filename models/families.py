"""The families of policies that forerun knows, and their checkpoints. A new family is a line here, and its name nowhere else.

What `forerun distill` can train by distill/family/ are those whose policy is a `TrainablePolicy`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from interfaces.errors import ConfigError
from models.mimic_video.config import MimicVideoConfig
from models.mimic_video.policy import MimicVideoPolicy
from models.policy import Policy, TrainablePolicy
from models.small_policy import SmallPolicy, SmallPolicyConfig
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy
from models.torch_file import fitting, read_torch, write_torch
from models.uva.config import UvaConfig
from models.uva.policy import UvaPolicy
from models.video2act.config import Video2ActConfig
from models.video2act.policy import Video2ActPolicy


@dataclass(frozen=True, slots=True)
class Family:
    """The classes of a family."""

    config: type[Any]  # a RobotSide; of plain values, so that a checkpoint can hold it
    policy: type[Policy[Any]]  # made from the config alone

    @property
    def trainable(self) -> bool:
        """Return whether it learns from moments; its config then has the classmethod `on`."""
        return issubclass(self.policy, TrainablePolicy)


FAMILIES: dict[str, Family] = {
    "small": Family(SmallPolicyConfig, SmallPolicy),
    "svam": Family(SvamConfig, SvamPolicy),
    "uva": Family(UvaConfig, UvaPolicy),
    "mimic-video": Family(MimicVideoConfig, MimicVideoPolicy),
    "video2act": Family(Video2ActConfig, Video2ActPolicy),
}
_FIRST_FAMILY = "small"  # the checkpoints of which did not always say so


def family_name(policy: Policy) -> str:
    """Return the name of the family that a policy is of."""
    return next(name for name, family in FAMILIES.items() if type(policy) is family.policy)


def save_policy(policy: Policy, path: Path) -> None:
    """Write a checkpoint atomically and durably: family, sizes and weights, nothing that runs on loading. Raises OSError."""
    saved = {"family": family_name(policy), "config": asdict(policy.config), "weights": policy.state_dict()}
    write_torch(path, saved)


def load_policy(path: Path) -> Policy:
    """Return the policy in a checkpoint; raises FileNotFoundError, and ConfigError when it is damaged or of no known family."""
    saved = read_torch(path, torch.device("cpu"))
    name = saved.get("family", _FIRST_FAMILY)
    if name not in FAMILIES:
        raise ConfigError(str(path), "family", name, f"one of {', '.join(FAMILIES)}")
    family = FAMILIES[name]
    with fitting(path):
        policy = family.policy(family.config(**saved["config"]))
        policy.load_state_dict(saved["weights"])
    return policy.eval()
