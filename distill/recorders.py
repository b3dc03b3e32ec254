"""Who records episodes of which world; the files they end in have the same arrays."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from distill.episode import Episode, EpisodePlan, Joints, Recorder
from distill.metaworld_episode import MetaworldRecorder
from distill.worlds import WorldName
from sim.metaworld.package import require_metaworld


class EpisodeRecorder(Protocol):
    """A world with a camera, and episodes recorded in it."""

    @property
    def tick_s(self) -> float:
        """Return the time between two decisions of a policy that drives."""
        ...

    def record(self, plan: EpisodePlan) -> Episode:
        """Return the episode; recording begins where the expert takes over."""
        ...

    def frame(self) -> NDArray[np.uint8]:
        """Return what the camera sees now (height, width, 3)."""
        ...

    def joints(self) -> Joints:
        """Return the joints (joint,) as they are now."""
        ...


def open_recorder(world: WorldName, video_px: int | None) -> EpisodeRecorder:
    """Return who records in a world; raises RefusedError where its package is missing."""
    require_world(world)
    return MetaworldRecorder(video_px) if world == "metaworld" else Recorder(video_px)


def require_world(world: WorldName) -> None:
    """Refuse a world whose package is missing here, before anything is started; raises RefusedError saying how to install it."""
    if world == "metaworld":
        require_metaworld()
