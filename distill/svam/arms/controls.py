"""Foresights that say nothing: the controls that would embarrass a policy whose foresight is a decoration.

Both have the shape of a foresight graph, so they are exported, opened and driven like the policy that they are of; its action graph is
untouched, and so is the instruction. What they give are tokens from a bank:

    zeroed      the tokens of a foresight of zeros
    shuffled    the tokens of what the policy foresees in other scenes of the same task, at any time of theirs: held-out pictures

Which row of the bank comes is told by the picture's checksum: another one for each picture, the same one each time, on any machine.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from distill.svam.arms.finished_run import FinishedRun
from distill.svam.autoencoder_stage import as_input
from distill.svam.clips import read_pictures
from models.svam.policy import SvamPolicy

SCENES = 64  # pictures a task, of held-out episodes


class TokenBank(nn.Module):
    """A foresight graph that does not look: picture uint8 (H, W, 3), instruction (n,) -> tokens (n_tokens, token_dim)."""

    bank: Tensor  # (instruction, row, n_tokens, token_dim)

    def __init__(self, bank: Tensor) -> None:
        super().__init__()
        self.register_buffer("bank", bank)

    @override
    def forward(self, picture: Tensor, instruction: Tensor) -> Tensor:
        rows = (instruction @ self.bank.flatten(1)).view(self.bank.shape[1:])  # (row, n_tokens, token_dim)
        row = picture.to(torch.int64).sum() % self.bank.shape[1]
        return rows.index_select(0, row[None])[0]


@torch.no_grad()
def zeroed(policy: SvamPolicy) -> TokenBank:
    """Return the control that foresees nothing."""
    config = policy.config
    nothing = torch.zeros(config.n_instructions, config.n_frames, config.grid**2, config.seen_dim)
    return TokenBank(policy.encoder(policy.condenser(nothing), policy.goal_table)[:, None])


@torch.no_grad()
def shuffled(policy: SvamPolicy, finished: FinishedRun, n_scenes: int = SCENES) -> TokenBank:
    """Return the control that foresees other scenes."""
    pictures = read_pictures(finished.shards, len(finished.index))
    rows = [
        tokens_of_pictures(policy, pictures[spread(finished, task, n_scenes)], torch.tensor(task))
        for task in range(policy.config.n_instructions)
    ]
    return TokenBank(torch.stack(rows))


def spread(finished: FinishedRun, task: int, n_scenes: int) -> NDArray[np.int64]:
    """Return so many held-out pictures (n,) of a task, as far from one another as there are."""
    of_task = np.flatnonzero(finished.index.held_out & (finished.index.task == task))
    return of_task[np.linspace(0, len(of_task) - 1, n_scenes).astype(np.int64)]


def tokens_of_pictures(policy: SvamPolicy, pictures: NDArray[np.uint8], task: Tensor) -> Tensor:
    """Return tokens (picture, n_tokens, token_dim), as the exported foresight gives them for these pictures of tasks (picture,) or ()."""
    seen = as_input(torch.from_numpy(pictures), torch.device("cpu"))
    as_anchors_see = ((seen + 1.0) / 2.0 - policy.picture_mean) / policy.picture_std
    told = task.expand(len(seen))
    foresight = policy.seen(seen, as_anchors_see, policy.text_table[told])
    return policy.encoder(policy.condenser(foresight), policy.goal_table[told])
