"""Scenes with two right ways, demonstrated both ways from the very same start: where the mean of what was shown is known.

In `choose` a lot decides which of two equal balls the demonstrator touches, and no picture shows it. So at the start, with joints at
rest, a chunk towards the left ball and one towards the right are equally likely, and E[chunk | what is seen] is their mean (but for
the demonstrator's deliberate stumbles, which training has and this has not).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill.checkpoint import write_arrays
from distill.episode import STEP_S, EpisodePlan, Recorder
from interfaces.errors import ConfigError
from interfaces.npz_file import read_npz
from interfaces.progress import Progress
from sim.mujoco_headless import mujoco
from sim.tasks.choose import SIDES
from sim.tasks.layout import move_body

TASK = "choose"
_KEYS = ("pictures", "joints_rad", "target_rad")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forks:
    """What is seen at the start of each scene, and what the demonstrator then wants, either way."""

    pictures: NDArray[np.uint8]  # (scene, p, p, 3), as the video model sees them
    joints_rad: NDArray[np.float32]  # (scene, joint), at rest
    target_rad: NDArray[np.float32]  # (scene, way, step of 10 ms, joint), from the start on

    def chunks_rad(self, horizon: int, first_ms: float, step_ms: float) -> NDArray[np.float32]:
        """Return the demonstrator's chunks (scene, way, horizon, joint) of the instant at which the picture was taken."""
        grid_ms = 1000.0 * STEP_S
        rows = round(first_ms / grid_ms) + round(step_ms / grid_ms) * np.arange(horizon)
        return self.target_rad[:, :, np.minimum(rows, self.target_rad.shape[2] - 1)]


class ForkRecorder(Recorder):
    """Records the same scene with the lot drawn either way."""

    def __init__(self, video_px: int) -> None:
        """Take the side of the pictures."""
        super().__init__(video_px)
        self._video_px = video_px

    def fork(self, seed: int, span_s: float) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        """Return picture, joints (joint,) and targets (way, step, joint) of a scene, for so long from its start."""
        picture, joints, left = self._one_way(SIDES[0], seed, span_s)
        _, _, right = self._one_way(SIDES[1], seed, span_s)
        return picture, joints, np.stack([left, right])

    def _one_way(
        self, side: str, seed: int, span_s: float
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        n_steps = round(span_s / STEP_S)
        plan = EpisodePlan(
            task=TASK, seed=seed, noisy=False, time_limit_s=span_s, after_success_s=span_s,
            picture_every=n_steps, driver=None, driver_ticks=0,
        )  # fmt: skip
        self.world.reset(TASK, seed)
        self._mean(side)
        joints, picture = self.world.joint_positions_rad, self._look_at_start()
        episode = self._demonstrate(plan, joints, np.random.default_rng(0))
        return picture, joints.astype(np.float32), np.stack(episode.target_rad[:n_steps]).astype(np.float32)

    def _mean(self, side: str) -> None:
        """Let the demonstrator mean the ball on one side; nothing that is seen changes."""
        world = self.world
        move_body(world.model, f"{TASK}_meant", world.model.body(f"{TASK}_{side}").pos.copy())
        mujoco.mj_forward(world.model, world.data)

    def _look_at_start(self) -> NDArray[np.uint8]:
        assert self._retina is not None
        return self._retina.picture(self.renderer.render_crop(self.world.data)[0])


def write_forks(path: Path, video_px: int, seeds: range, span_s: float, progress: Progress) -> None:
    """Record scenes and write them, whole or not at all."""
    recorder = ForkRecorder(video_px)
    rows: list[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]] = []
    for number, seed in enumerate(seeds, start=1):
        rows.append(recorder.fork(seed, span_s))
        progress(number, len(seeds), f"{TASK}, both ways")
    write_arrays(path, {key: np.stack(values) for key, values in zip(_KEYS, zip(*rows, strict=True), strict=True)})


def read_forks(path: Path) -> Forks:
    """Return what `write_forks` wrote; raises ConfigError where it is damaged."""
    arrays = read_npz(str(path), path.read_bytes())
    for key in _KEYS:
        if key not in arrays:
            raise ConfigError(str(path), key, None, "an array; delete the file to have it made again")
    return Forks(**{key: np.array(arrays[key]) for key in _KEYS})
