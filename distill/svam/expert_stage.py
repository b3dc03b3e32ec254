"""Fits condenser, context encoder and action network: they see the world through the foresight only, and the joints as they are.

The controls are figures of every look: how far the chunk is off when the foresight is zeroed, and when it is another picture's; the
instruction stays. If these are no worse, the foresight is a decoration.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distill.fitting import Figures, batch_of, normal_like
from distill.svam.autoencoder_stage import as_input
from distill.svam.demonstrated import ActionBatch, Demonstrated, Foresights
from distill.svam.run import Run
from distill.svam.student_stage import KINDS, Students
from interfaces.durable import sync_folder
from models.svam.policy import SvamPolicy

_LOOKED_AT = 256  # held-out rows
_AT_ONCE = 32  # pictures


class ExpertJob:
    """A foresight, fresh joints and an age in, a chunk of joint targets out."""

    name = "expert"

    def __init__(self, policy: SvamPolicy, demonstrated: Demonstrated, foresights: Foresights, batch_size: int) -> None:
        policy.requires_grad_(requires_grad=False)
        learning = (policy.condenser, policy.encoder, policy.action)
        for part in learning:
            part.requires_grad_(requires_grad=True)
        self.network: nn.Module = policy
        self.hot: tuple[nn.Module, ...] = learning
        self._demonstrated, self._foresights, self._batch_size = demonstrated, foresights, batch_size

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the objective's loss on a random batch."""
        assert isinstance(network, SvamPolicy)
        learnt = self._demonstrated.learnt
        row = learnt[batch_of(len(learnt), self._batch_size, draw).cpu().numpy()]
        batch = self._demonstrated.batch(row, np.random.default_rng(draw.initial_seed()), draw.device)
        tokens = tokens_of(network, self._foresights.read(batch.row, draw.device), batch.task)
        noise = normal_like(batch.target_rad, draw)
        return network.action_loss(tokens, batch.joints_rad, batch.age_s, batch.target_rad, noise).mean()

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return how far held-out chunks are off, in mrad: with the foresight, without it, with another one, and standing still."""
        del step
        assert isinstance(network, SvamPolicy)
        held_out, device = self._demonstrated.held_out, network.goal_table.device
        row = held_out[np.linspace(0, len(held_out) - 1, min(_LOOKED_AT, len(held_out))).astype(np.int64)]
        batch = self._demonstrated.batch(row, np.random.default_rng(0), device)
        foresight = self._foresights.read(batch.row, device)
        other = torch.from_numpy(np.random.default_rng(1).permutation(len(row))).to(device)
        return {
            "off_mrad": _off_mrad(network, foresight, batch),
            "zeroed_off_mrad": _off_mrad(network, torch.zeros_like(foresight), batch),
            "shuffled_off_mrad": _off_mrad(network, foresight[other], batch),
            "still_off_mrad": 1000.0 * float((batch.target_rad - batch.joints_rad[:, None]).abs().mean()),
        }


def tokens_of(policy: SvamPolicy, foresight: Tensor, task: Tensor) -> Tensor:
    """Return the tokens (B, n_tokens, token_dim) of foresights (B, T, S, C) and tasks (B,)."""
    return policy.encoder(policy.condenser(foresight), policy.goal_table[task])


@torch.no_grad()
def write_foresights(
    run: Run, policy: SvamPolicy, foresights: Foresights, pictures: NDArray[np.uint8], task: NDArray[np.int64]
) -> None:
    """Write what is missing of the foresights of pictures (row, p, p, 3), each with its task (row,)."""
    missing = foresights.missing()
    if not missing:
        return
    progress, device = run.start_stage("foresights"), run.compute.device
    policy = policy.to(device).eval()
    for number, (path, rows) in enumerate(missing, start=1):
        found: list[Tensor] = []
        for start in range(rows.start, rows.stop, _AT_ONCE):
            part = slice(start, min(start + _AT_ONCE, rows.stop))
            with run.compute.autocast():
                found.append(_foresight(policy, as_input(torch.from_numpy(pictures[part]), device), task[part]))
        half = path.with_suffix(".half")
        with half.open("wb") as file:
            np.save(file, torch.cat(found).cpu().to(torch.float16).numpy())
        half.replace(path)
        sync_folder(path.parent)
        progress(number, len(missing), f"{rows.stop - rows.start} pictures each")


def _foresight(policy: SvamPolicy, pictures: Tensor, task: NDArray[np.int64]) -> Tensor:
    """Return (B, T, S, C) from the policy's own noise, as on the robot."""
    text = policy.text_table[torch.from_numpy(task).to(pictures.device)]
    noise = policy.initial_noise.expand(len(pictures), -1, -1, -1, -1)
    features = policy.video.features(noise, policy.video.encode_frame(pictures), text)
    students = Students(policy)
    return policy.foresight(features, *(students.anchor(kind, pictures) for kind in KINDS)).float()


def _off_mrad(policy: SvamPolicy, foresight: Tensor, batch: ActionBatch) -> float:
    draw = torch.Generator(device=foresight.device).manual_seed(0)
    tokens = tokens_of(policy, foresight, batch.task)
    said = policy.decode(tokens, batch.joints_rad, batch.age_s, normal_like(batch.target_rad, draw))
    return 1000.0 * float((said - batch.target_rad).abs().mean())
