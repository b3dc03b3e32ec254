"""What all pictures of a run share, fitted on episodes that are never drawn: colours of features and depth, and the errors' scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from distill.svam.showing.colours import DepthColours, FeatureColours, Floats, fit_colours, fit_depth_colours
from distill.svam.showing.eyes import Eyes
from distill.svam.showing.foreseen import as_seen, foresights
from distill.svam.showing.watched import Onlooker
from interfaces.progress import Progress

_REFERENCE_SEED = 99_000  # neither trained on, from 100,000 up, nor evaluated, from 0 up
_PICTURES = 8  # an episode


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colours and scale that all pictures of a run share."""

    semantic: FeatureColours
    geometric: FeatureColours  # where no depth can be read out
    depth: DepthColours
    semantic_variance_ratio: float | None  # of what the teacher sees at a place, over pictures; None without teacher


def fit_palette(eyes: Eyes, onlooker: Onlooker, progress: Progress) -> Palette:
    """Return the palette of a policy: one episode of each of its tasks, looked at a few times."""
    semantic: list[Floats] = []
    geometric: list[Floats] = []
    pictures: list[NDArray[np.uint8]] = []
    depths_mm: list[NDArray[np.uint16]] = []
    for number, task in enumerate(onlooker.tasks, start=1):
        watched = onlooker.watch(task, _REFERENCE_SEED)
        depths_mm.append(watched.depth_mm)
        for at in np.linspace(0, len(watched.pictures) - 1, _PICTURES).astype(np.int64):
            told = foresights(eyes.policy, watched.pictures[at], task)
            semantic.append(told[0].cpu().double().numpy())  # (T, S, dim)
            geometric.append(told[1].cpu().double().numpy())
            pictures.append(watched.pictures[at])
        progress(number, len(onlooker.tasks), task)
    return Palette(
        semantic=fit_colours(np.concatenate(semantic)),
        geometric=fit_colours(np.concatenate(geometric)),
        depth=fit_depth_colours(np.concatenate(depths_mm)),
        semantic_variance_ratio=_variance(eyes, np.stack(pictures)),
    )


def _variance(eyes: Eyes, pictures: NDArray[np.uint8]) -> float | None:
    if eyes.semantic is None:
        return None
    parts = np.array_split(pictures, -(-len(pictures) // _PICTURES))
    seen = torch.cat([eyes.semantic.features(as_seen(eyes.policy, part)) for part in parts])
    return float(seen.var(0).mean())
