"""Lets a half-trained policy drive, so that the expert can show the way back from where the policy really goes.

DAgger: Ross et al., "A Reduction of Imitation Learning and Structured Prediction to No-Regret Online Learning", 2011.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.small_policy import load_policy
from sim.world import World

_AGE_S = 0.06  # what a picture is old when the joints are read, about
_EXECUTED_ROWS = 2
_NOISE_SEED = 7


class PolicyDriver:
    """Drives a world with a policy that decides every other tick."""

    def __init__(self, instructions: tuple[str, ...], checkpoint: Path) -> None:
        torch.set_num_threads(1)
        self._instructions = instructions
        self._policy = load_policy(checkpoint)
        self._rng = torch.Generator().manual_seed(_NOISE_SEED)
        self._rows: list[NDArray[np.float64]] = []

    def begin(self) -> None:
        """Forget what was planned in the episode before."""
        self._rows = []

    def target(self, world: World, picture: NDArray[np.uint8], task: str) -> NDArray[np.float64]:
        """Return the joint targets (joint,) for one tick from now."""
        if not self._rows:
            self._rows = list(self._chunk(world, picture, task)[:_EXECUTED_ROWS])
        return self._rows.pop(0)

    @torch.no_grad()
    def _chunk(self, world: World, picture: NDArray[np.uint8], task: str) -> NDArray[np.float64]:
        policy = self._policy
        instruction = torch.zeros(1, len(self._instructions))
        instruction[0, self._instructions.index(task)] = 1.0
        pixels = torch.from_numpy(picture)[None].permute(0, 3, 1, 2).float() / 255.0
        tokens, _ = policy.foresight(pixels, instruction)
        joints = torch.from_numpy(world.joint_positions_rad)[None].float()
        noise = torch.randn(1, policy.config.horizon, policy.config.n_joints, generator=self._rng)
        return policy.decode(tokens, joints, torch.tensor([_AGE_S]), noise)[0].double().numpy()
