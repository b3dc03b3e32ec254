"""Lets a half-trained policy drive, so that the expert can show the way back from where the policy really goes.

DAgger: Ross et al., "A Reduction of Imitation Learning and Structured Prediction to No-Regret Online Learning", 2011.
"""

from __future__ import annotations

import math
import zlib
from collections import deque
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.families import load_policy

_AGE_S = 0.06  # what a picture is old when the joints are read, about
_EXECUTED_ROWS = 2


class PolicyDriver:
    """Drives a world with a policy of any family that decides every other tick."""

    def __init__(self, instructions: tuple[str, ...], checkpoint: Path, tick_s: float) -> None:
        """Take the tasks in the policy's order; raises OSError or ConfigError when the checkpoint is absent or does not fit."""
        torch.set_num_threads(1)
        self._instructions = instructions
        self._policy = load_policy(checkpoint)
        config = self._policy.config
        # Each earlier frame is the newest one that is at least so old, as on the robot.
        self._ticks_back = [
            math.ceil(back * config.history_step_ms / 1000.0 / tick_s - 1e-9)
            for back in range(config.n_history - 1, -1, -1)
        ]
        self._seen: deque[NDArray[np.uint8]] = deque(maxlen=1 + self._ticks_back[0])
        self._rows: list[NDArray[np.float64]] = []

    def begin(self) -> None:
        """Forget what was seen and planned in the episode before."""
        self._rows = []
        self._seen.clear()

    def target(self, joints: NDArray[np.float64], rgb: NDArray[np.uint8], task: str) -> NDArray[np.float64]:
        """Return the targets (joint,) for one tick from now, of joints (joint,) and the camera's central square (240, 240, 3)."""
        self._seen.append(rgb)
        if not self._rows:
            self._rows = list(self._chunk(joints, task)[:_EXECUTED_ROWS])
        return self._rows.pop(0)

    @torch.no_grad()
    def _chunk(self, joints: NDArray[np.float64], task: str) -> NDArray[np.float64]:
        policy = self._policy
        instruction = torch.zeros(1, len(self._instructions))
        instruction[0, self._instructions.index(task)] = 1.0
        tokens = policy.context(torch.from_numpy(self._shown())[None], instruction)
        now = torch.from_numpy(joints)[None].float()
        # Of where the arm is, and not of what was driven before: an episode is the same whichever worker records it, and when.
        draw = torch.Generator().manual_seed(zlib.crc32(joints.tobytes()))
        noise = torch.randn(1, policy.config.horizon, policy.config.n_joints, generator=draw)
        return policy.decode(tokens, now, torch.tensor([_AGE_S]), noise)[0].double().numpy()

    def _shown(self) -> NDArray[np.uint8]:
        """Return what the policy's foresight is shown: the newest picture, or some of the past too, of which the oldest is repeated."""
        if len(self._ticks_back) == 1:
            return self._seen[-1]
        return np.stack([self._seen[max(len(self._seen) - 1 - back, 0)] for back in self._ticks_back])
