"""What the students shall foresee: the teachers' view of a future, one file of targets for each file of records.

    generated    targets-*.npz               the video that a record's own noise became
    recorded     targets-recorded-*.npz      the frames that really followed ("ground truth")
    independent  targets-independent-*.npz   a video of the same clip from another noise

S-VAM is the first; the others are arms of the comparison, and differ from it in nothing else: same clips, same one-step features, same
teachers, same number of frames. What is written for a record: the pictures of its future, both experts' features of each of them,
and of the current frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.checkpoint import write_arrays
from distill.compute import Compute
from distill.svam.autoencoder_stage import as_input
from distill.svam.clips import ClipIndex, read_shard
from distill.svam.recipe import SvamRecipe, TargetKind
from distill.svam.self_distillation import noise_of, other_noise_seeds
from distill.svam.teacher_stage import Teachers
from interfaces.progress import Progress
from models.svam.flow_video_model import FlowVideoModel
from models.svam.policy import SvamPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Futures:
    """Where the futures of records come from: a policy with a trained video model, and the episodes it was trained on."""

    recipe: SvamRecipe
    policy: SvamPolicy
    pictures: NDArray[np.uint8]  # (picture, p, p, 3), all recorded ones
    latents: NDArray[np.float16]  # (picture, c, g, g)
    index: ClipIndex
    compute: Compute

    def now(self, records: Path) -> Tensor:
        """Return the current frames (B, 3, p, p) of a file of records, in -1..1."""
        return as_input(torch.from_numpy(self.pictures[read_shard(records, "clip")]), self.compute.device)

    def of(self, kind: TargetKind, number: int, records: Path) -> Tensor:
        """Return the futures (B, T, 3, p, p) of the records in file `number`."""
        if kind == "recorded":
            return self._recorded(records)
        if kind == "independent":
            return self._decoded(self._other_video(number, records))
        return self._decoded(torch.from_numpy(read_shard(records, "latents").astype(np.float32)))

    def _recorded(self, records: Path) -> Tensor:
        clip = read_shard(records, "clip")
        later = self.index.futures(clip, self.recipe.sizes.n_frames, self.recipe.stride)  # (B, T)
        pictures = as_input(torch.from_numpy(self.pictures[later.ravel()]), self.compute.device)
        return pictures.view(*later.shape, *pictures.shape[1:])

    def _other_video(self, number: int, records: Path) -> Tensor:
        """Return latents (B, T, c, g, g): everything is as when the records were made, but for the noise."""
        recipe, device = self.recipe.self_distillation, self.compute.device
        seeds = other_noise_seeds(recipe)[number * recipe.batch_size : (number + 1) * recipe.batch_size]
        clip, task = (torch.from_numpy(read_shard(records, key)) for key in ("clip", "task"))
        frame = torch.from_numpy(self.latents[clip.numpy()].astype(np.float32)).to(device)
        noise = noise_of(self.policy, seeds).to(device)
        text = self.policy.text_table.to(device)[task.to(device)]
        return self.policy.video.sample(noise, frame, text, recipe.steps)

    def _decoded(self, latents: Tensor) -> Tensor:
        video = self.policy.video
        assert isinstance(video, FlowVideoModel)
        return video.decode_video(latents.to(self.compute.device)).float().clamp(-1.0, 1.0)


def targets_file(records: Path, kind: TargetKind = "generated") -> Path:
    """Return where the targets of a file of records are: beside it."""
    return records.with_name(records.name.replace("records", "targets" if kind == "generated" else f"targets-{kind}"))


def targets_pattern(kind: TargetKind) -> str:
    """Return what the names of all files of targets of a kind are like."""
    return targets_file(Path("records-[0-9]*.npz"), kind).name


@torch.no_grad()
def write_targets(
    teachers: Teachers, futures: Futures, kind: TargetKind, files: list[tuple[Path, Path]], progress: Progress
) -> None:
    """Write what the teachers see for each of `files`, records and targets, where the targets are not there yet."""
    compute = futures.compute
    futures.policy.video.to(compute.device).eval()
    for number, (records, target) in enumerate(files):
        if target.exists():
            continue
        with compute.autocast():
            now, future = futures.now(records), futures.of(kind, number, records)
            seen = [ask(torch.cat([now, future.flatten(0, 1)])) for ask in (teachers.semantic, teachers.geometric)]
        arrays: dict[str, Any] = {"pictures": _as_bytes(future)}
        for name, features in zip(("semantic", "geometric"), seen, strict=True):
            halves = features.cpu().to(torch.float16).numpy()
            arrays[f"{name}_now"] = halves[: len(now)]  # (record, S, dim)
            arrays[name] = halves[len(now) :].reshape(*future.shape[:2], *halves.shape[1:])  # (record, T, S, dim)
        write_arrays(target, arrays)
        progress(number + 1, len(files), f"{len(now) * (1 + future.shape[1])} pictures each")


def _as_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """Return (B, T, p, p, 3)."""
    return (127.5 * (pictures + 1.0)).round().byte().permute(0, 1, 3, 4, 2).cpu().numpy()
