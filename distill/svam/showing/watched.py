"""An episode that the expert plays in a policy's world, as the camera saw it, and the instant of it that is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill.episode import EpisodePlan
from distill.recorders import open_recorder
from distill.worlds import WORLDS, WorldName
from interfaces.errors import RefusedError
from models.robot_side import RobotSide
from models.svam.config import SvamConfig

_TIME_LIMIT_S = 12.0  # as in the recipes' demonstrations


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Pictures of one episode, one a frame of the video model."""

    task: str
    seed: int
    succeeded: bool
    t_s: NDArray[np.float64]  # (picture,) since the episode began
    pictures: NDArray[np.uint8]  # (picture, crop, crop, 3), the camera's central square
    depth_mm: NDArray[np.uint16]  # (picture, crop / 2, crop / 2), exact; 0 where there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An instant, and what followed."""

    task: str
    seed: int
    succeeded: bool
    instant_s: float
    now: NDArray[np.uint8]  # (crop, crop, 3)
    future: NDArray[np.uint8]  # (T, crop, crop, 3)


class Onlooker:
    """The world of a policy, its camera and its scripted expert, without noise, in the pace of the policy's video model."""

    def __init__(self, config: SvamConfig) -> None:
        """Open the world; raises RefusedError where the policy's is not among ours, or its package is missing."""
        world = world_of(config)
        facts = WORLDS[world]
        self.tasks = tuple(name for name in config.instructions if name in facts.tasks)
        # At the side of the camera's square the recorder's retina leaves pictures as they are: the policy resizes them itself.
        self._recorder = open_recorder(world, facts.crop_px)
        self._step_s, self._every = facts.step_s, round(config.frame_step_ms / 1000.0 / facts.step_s)
        self._after_success_s = config.n_frames * config.frame_step_ms / 1000.0

    def watch(self, task: str, seed: int) -> Watched:
        """Return an episode; it goes on after success for as long as the policy foresees."""
        episode = self._recorder.record(
            EpisodePlan(
                task=task, seed=seed, noisy=False, time_limit_s=_TIME_LIMIT_S, after_success_s=self._after_success_s,
                picture_every=self._every, driver=None, driver_ticks=0,
            )
        )  # fmt: skip
        return Watched(
            task=task, seed=seed, succeeded=episode.succeeded,
            t_s=np.array(episode.picture_step) * self._step_s,
            pictures=np.stack(episode.pictures), depth_mm=np.stack(episode.depth_mm),
        )  # fmt: skip


def world_of(config: RobotSide) -> WorldName:
    """Return the world whose joints, camera and tasks a policy has; raises RefusedError where there is none."""
    for world, facts in WORLDS.items():
        fits = (config.joints, config.camera, config.crop_px) == (facts.joints, facts.camera, facts.crop_px)
        if fits and set(config.instructions) & set(facts.tasks):
            return world
    raise RefusedError(
        f"the policy moves {', '.join(config.joints)}, sees through {config.camera} and follows {', '.join(config.instructions)};"
        f" expected those of a simulated world: {', '.join(WORLDS)}"
    )


def moment_of(watched: Watched, n_frames: int, instant_s: float | None) -> Moment:
    """Return the instant nearest to `instant_s`, or, without it, the one after which most moves in what really happened.

    Raises RefusedError where no whole future follows.
    """
    n_instants = len(watched.t_s) - n_frames
    if n_instants < 1:
        raise RefusedError(
            f"{watched.task}, seed {watched.seed}: the episode has {len(watched.t_s)} frames; expected more than the"
            f" {n_frames} that the policy foresees"
        )
    at = _liveliest(watched, n_frames) if instant_s is None else _nearest(watched, n_instants, instant_s)
    return Moment(
        task=watched.task, seed=watched.seed, succeeded=watched.succeeded, instant_s=float(watched.t_s[at]),
        now=watched.pictures[at], future=watched.pictures[at + 1 : at + 1 + n_frames],
    )  # fmt: skip


def _nearest(watched: Watched, n_instants: int, instant_s: float) -> int:
    step_s = float(np.diff(watched.t_s).mean())
    first_s, last_s = float(watched.t_s[0]), float(watched.t_s[n_instants - 1])
    if not first_s - step_s <= instant_s <= last_s + step_s / 2:
        raise RefusedError(
            f"{watched.task}, seed {watched.seed}: --instant is {instant_s:g}; expected {first_s:.2f} to {last_s:.2f} s,"
            " after which a whole foreseen future was also seen"
        )
    return int(np.abs(watched.t_s[:n_instants] - instant_s).argmin())


def _liveliest(watched: Watched, n_frames: int) -> int:
    small = watched.pictures[:, ::4, ::4].astype(np.float32)
    moved = [
        float(np.square(small[at + 1 : at + 1 + n_frames] - small[at]).mean()) for at in range(len(small) - n_frames)
    ]
    return int(np.argmax(moved))
