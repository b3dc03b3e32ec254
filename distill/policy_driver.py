"""Lets a half-trained policy drive, so that the expert can show the way back from where the policy really goes.

DAgger: Ross et al., "A Reduction of Imitation Learning and Structured Prediction to No-Regret Online Learning", 2011.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.episode import halved
from models.small_policy import SmallPolicy
from models.small_policy import load_policy as load_small
from models.svam.policy import SvamPolicy
from models.svam.policy import load_policy as load_svam
from models.torch_file import read_torch

_AGE_S = 0.06  # what a picture is old when the joints are read, about
_EXECUTED_ROWS = 2


class PolicyDriver:
    """Drives a world with a policy of either family that decides every other tick."""

    def __init__(self, instructions: tuple[str, ...], checkpoint: Path) -> None:
        """Take the tasks in the policy's order; raises OSError or ConfigError when the checkpoint is absent or does not fit."""
        torch.set_num_threads(1)
        self._instructions = instructions
        self._policy = _load(checkpoint)
        self._rows: list[NDArray[np.float64]] = []

    def begin(self) -> None:
        """Forget what was planned in the episode before."""
        self._rows = []

    def target(self, joints: NDArray[np.float64], rgb: NDArray[np.uint8], task: str) -> NDArray[np.float64]:
        """Return the targets (joint,) for one tick from now, of joints (joint,) and the camera's central square (240, 240, 3)."""
        if not self._rows:
            self._rows = list(self._chunk(joints, rgb, task)[:_EXECUTED_ROWS])
        return self._rows.pop(0)

    @torch.no_grad()
    def _chunk(self, joints: NDArray[np.float64], rgb: NDArray[np.uint8], task: str) -> NDArray[np.float64]:
        policy = self._policy
        instruction = torch.zeros(1, len(self._instructions))
        instruction[0, self._instructions.index(task)] = 1.0
        tokens = _foresee(policy, rgb, instruction)
        now = torch.from_numpy(joints)[None].float()
        # Of where the arm is, and not of what was driven before: an episode is the same whichever worker records it, and when.
        draw = torch.Generator().manual_seed(zlib.crc32(joints.tobytes()))
        noise = torch.randn(1, policy.config.horizon, policy.config.n_joints, generator=draw)
        return policy.decode(tokens, now, torch.tensor([_AGE_S]), noise)[0].double().numpy()


def _foresee(policy: SmallPolicy | SvamPolicy, rgb: NDArray[np.uint8], instruction: Tensor) -> Tensor:
    if isinstance(policy, SvamPolicy):
        return policy.context(torch.from_numpy(rgb)[None], instruction)
    pixels = torch.from_numpy(halved(rgb))[None].permute(0, 3, 1, 2).float() / 255.0
    tokens, _ = policy.foresight(pixels, instruction)
    return tokens


def _load(checkpoint: Path) -> SmallPolicy | SvamPolicy:
    family = read_torch(checkpoint, torch.device("cpu")).get("family")
    return load_svam(checkpoint) if family == "svam" else load_small(checkpoint)
