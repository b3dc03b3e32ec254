"""Records one demonstration of a Meta-World task: a step of the recording is one of the world's, 12.5 ms.

What is wanted at a step is what the expert says of that step's observation. Noise on the executed targets pushes the hand off the
expert's way, while the recorded ones stay clean (DART: Laskey et al., 2017).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill.episode import Episode, EpisodePlan, Joints
from distill.video_retina import VideoRetina
from sim.metaworld.expert import Experts
from sim.metaworld.target_noise import TargetNoise
from sim.metaworld.tasks import CAMERA_PX, STEP_NS
from sim.metaworld.world import MetaworldWorld

DRIVER_STEPS = 2  # a policy that drives first decides every 25 ms
_STEP_S = STEP_NS / 1e9


class MetaworldRecorder:
    """Meta-World with its camera, and episodes recorded in it."""

    tick_s = DRIVER_STEPS * _STEP_S  # of a policy that drives

    def __init__(self, video_px: int | None) -> None:
        """Take the side of the pictures that a video model shall learn from; None: episodes without pictures."""
        self._retina = None if video_px is None else VideoRetina(video_px, CAMERA_PX)
        self.world = MetaworldWorld()
        self._experts = Experts()

    def record(self, plan: EpisodePlan) -> Episode:
        """Return the episode; recording begins where the expert takes over. Raises RefusedError where the package is missing."""
        world, rng = self.world, np.random.default_rng((plan.seed, 1))
        world.reset(plan.task, plan.seed)
        if plan.driver is not None:
            plan.driver.begin()
            for _ in range(plan.driver_ticks):
                target = plan.driver.target(world.joints, self.frame(), plan.task)
                for _ in range(DRIVER_STEPS):
                    world.step(target)
        return self._demonstrate(plan, rng)

    def frame(self) -> NDArray[np.uint8]:
        """Return what the camera sees now (192, 192, 3)."""
        return self.world.render()[0]

    def joints(self) -> Joints:
        """Return the hand's place and the fingers' opening (4,) as they are now."""
        return self.world.joints

    def _demonstrate(self, plan: EpisodePlan, rng: np.random.Generator) -> Episode:
        world, episode = self.world, Episode()
        noise = TargetNoise(rng) if plan.noisy else None
        phase = int(rng.integers(plan.picture_every))
        step, stop_step = 0, round(plan.time_limit_s / _STEP_S)
        while step < stop_step and not world.is_over:
            if step % plan.picture_every == phase:
                self._look(episode, step)
            target = self._experts.target(plan.task, world.observation)
            episode.joints_rad.append(world.joints)
            episode.target_rad.append(target)
            episode.points_m.append(world.points_m)
            world.step(target + noise.offset(step) if noise else target)
            step += 1
            if world.succeeded and not episode.succeeded:
                episode.succeeded = True
                stop_step = min(stop_step, step + round(plan.after_success_s / _STEP_S))
        return episode

    def _look(self, episode: Episode, step: int) -> None:
        if self._retina is None:
            return
        rgb, depth_mm = self.world.render()
        episode.picture_step.append(step)
        episode.pictures.append(self._retina.picture(rgb))
        episode.depth_mm.append(self._retina.depth_mm(depth_mm))
