"""Fits the students: decouplers that foresee what the teachers see in the frames to come, and anchors that see it in the current one.

All four networks are trained side by side and apart: their losses share no weight. The decouplers read the anchors' own word on the
current frame, as they will on the robot, and not the teachers'; no gradient goes from them into the anchors. Anchors also look at
future frames, of which there are many more. Which future that is, the recipe says (distill/svam/targets.py): S-VAM's is generated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from numpy.typing import NDArray
from torch import Tensor, nn

from distill.fitting import Figures, batch_of
from distill.svam.autoencoder_stage import as_input
from distill.svam.clips import ClipIndex, read_shard
from interfaces.errors import ForerunError
from models.svam.policy import SvamPolicy

KINDS = ("semantic", "geometric")
_HELD_OUT_EVERY = 20  # episodes


class Students(nn.Module):
    """The networks of a policy that learn from teachers."""

    picture_mean: Tensor
    picture_std: Tensor

    def __init__(self, policy: SvamPolicy) -> None:
        super().__init__()
        self.anchors = nn.ModuleDict({"semantic": policy.semantic_anchor, "geometric": policy.geometric_anchor})
        self.decouplers = nn.ModuleDict(
            {"semantic": policy.semantic_decoupler, "geometric": policy.geometric_decoupler}
        )
        self.register_buffer("picture_mean", policy.picture_mean.clone(), persistent=False)
        self.register_buffer("picture_std", policy.picture_std.clone(), persistent=False)

    def anchor(self, kind: str, pictures: Tensor) -> Tensor:
        """Return (B, dim, g, g) for pictures (B, 3, p, p) in -1..1."""
        return self.anchors[kind](((pictures + 1.0) / 2.0 - self.picture_mean) / self.picture_std)

    def foresee(self, kind: str, features: Tensor, anchor: Tensor) -> Tensor:
        """Return (B, T, S, dim) for one-step features (B, T, C, g, g)."""
        return self.decouplers[kind](features, anchor)


class Records:
    """The self-distillation set with its targets, in memory in half precision."""

    def __init__(self, files: list[tuple[Path, Path]], pictures: NDArray[np.uint8], index: ClipIndex) -> None:
        """Take files of records and their targets, and the recorded pictures (picture, p, p, 3).

        Held out is by episodes: 100 ms on, the same one foresees nearly the same. Raises ConfigError at a damaged file, and
        ForerunError where there is nothing to learn from.
        """

        def joined(key: str, of: list[Path]) -> Tensor:
            return torch.from_numpy(np.concatenate([read_shard(path, key) for path in of]))

        records, targets = ([pair[side] for pair in files] for side in (0, 1))
        clip: NDArray[np.int64] = joined("clip", records).numpy()
        self.now = torch.from_numpy(pictures[clip])
        self.features = joined("features", records)
        self.later = joined("pictures", targets)
        self.seen: dict[str, Tensor] = {kind: joined(kind, targets) for kind in KINDS}
        self.seen_now: dict[str, Tensor] = {kind: joined(f"{kind}_now", targets) for kind in KINDS}
        _, episode = np.unique(index.last[clip], return_inverse=True)  # (record,)
        held_out = torch.from_numpy(episode % _HELD_OUT_EVERY == 0)
        rows = torch.arange(len(clip))
        self.learnt, self.held_out = rows[~held_out], rows[held_out]
        if len(self.learnt) == 0:
            raise ForerunError(
                f"{files[0][0].parent}: all records are of one episode; raise self_distillation.records, or record more episodes"
            )


class StudentsJob:
    """One-step features and the current frame in, the teachers' view of the future out."""

    name = "students"

    def __init__(self, students: Students, records: Records, batch_size: int) -> None:
        self.network: nn.Module = students
        self.hot: tuple[nn.Module, ...] = (*students.anchors.values(), *students.decouplers.values())
        self._records, self._batch_size = records, batch_size

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the sum of all squared errors on a random batch."""
        assert isinstance(network, Students)
        records = self._records
        at = records.learnt[batch_of(len(records.learnt), self._batch_size, draw).cpu()]
        which = batch_of(records.later.shape[1], len(at), draw).cpu()  # one future frame each, for the anchors
        now, later = as_input(records.now[at], draw.device), as_input(records.later[at, which], draw.device)
        total = torch.zeros((), device=draw.device)
        for kind in KINDS:
            total = total + F.mse_loss(network.anchor(kind, later), _as_map(records.seen[kind][at, which], draw.device))
            anchor = network.anchor(kind, now)
            total = total + F.mse_loss(anchor, _as_map(records.seen_now[kind][at], draw.device))
            said = network.foresee(kind, records.features[at].to(draw.device).float(), anchor.detach())
            total = total + F.mse_loss(said, records.seen[kind][at].to(draw.device).float())
        return total

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return errors on held-out records beside those of saying that nothing changes, in shares of the targets' variance."""
        del step
        assert isinstance(network, Students)
        records, at = self._records, self._records.held_out[:64]
        device = next(network.parameters()).device
        now, features = as_input(records.now[at], device), records.features[at].to(device).float()
        figures: dict[str, Any] = {}
        for kind in KINDS:
            wanted = records.seen[kind][at].to(device).float()  # (B, T, S, dim)
            anchor = network.anchor(kind, now)
            still = records.seen_now[kind][at].to(device).float()[:, None].expand_as(wanted)
            said, variance = network.foresee(kind, features, anchor), wanted.var()
            figures[f"{kind}_error_ratio"] = float((said - wanted).square().mean() / variance)
            figures[f"{kind}_persistence_error_ratio"] = float((still - wanted).square().mean() / variance)
            figures[f"{kind}_anchor_error_ratio"] = float(
                (anchor - _as_map(records.seen_now[kind][at], device)).square().mean() / variance
            )
        return figures


def _as_map(features: Tensor, device: torch.device) -> Tensor:
    """Return (B, dim, g, g) of (B, S, dim)."""
    side = round(features.shape[1] ** 0.5)
    return features.to(device).float().transpose(1, 2).reshape(len(features), features.shape[2], side, side)
