"""Records one demonstration: what the camera saw, where the joints were, and what the expert wanted, on a 10 ms grid.

The arm is driven as the command process drives it: targets a tick apart, interpolated at 100 Hz, in whole servo ticks. Noise
on the executed targets pushes it off the expert's path, while the recorded targets stay clean (DART: Laskey et al., 2017), so
the policy sees how to come back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from distill.video_retina import VideoRetina
from sim.camera.renderer import CameraRenderer
from sim.expert.expert import expert_target
from sim.expert.target_noise import TargetNoise
from sim.tick import COMMAND_NS, PHYSICS_STEPS_A_COMMAND, quantised_rad
from sim.world import Observation, World

STEP_S = COMMAND_NS / 1e9  # grid of the recording, and period of the command loop
STEPS_PER_TICK = 5  # the expert decides every 50 ms

Joints = NDArray[np.float64]


class Driver(Protocol):
    """Somebody other than the expert who drives the first part of an episode."""

    def begin(self) -> None:
        """Forget the episode before."""
        ...

    def target(self, joints: Joints, rgb: NDArray[np.uint8], task: str) -> Joints:
        """Return the joint targets (joint,) for one tick from now, of joints as they are and the camera's central square (240, 240, 3)."""
        ...


@dataclass(slots=True)
class Episode:
    """A recording in the making."""

    pictures: list[NDArray[np.uint8]] = field(
        default_factory=list[NDArray[np.uint8]]
    )  # (120, 120, 3), or of the video's side
    depth_mm: list[NDArray[np.uint16]] = field(
        default_factory=list[NDArray[np.uint16]]
    )  # beside a video's pictures only
    picture_step: list[int] = field(default_factory=list[int])
    joints_rad: list[Joints] = field(default_factory=list[Joints])  # each 10 ms, as the servos report them
    target_rad: list[Joints] = field(default_factory=list[Joints])  # each 10 ms, where the expert wants the arm
    points_m: list[NDArray[np.float64]] = field(default_factory=list[NDArray[np.float64]])  # (point, 3) each 10 ms
    succeeded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodePlan:
    """What to record."""

    task: str
    seed: int
    noisy: bool
    time_limit_s: float
    after_success_s: float
    picture_every: int  # grid steps
    driver: Driver | None
    driver_ticks: int


class Recorder:
    """A world with a camera, and episodes recorded in it."""

    tick_s = STEPS_PER_TICK * STEP_S  # of a policy that drives

    def __init__(self, video_px: int | None = None) -> None:
        """Take the side of the pictures that a video model shall learn from; None: halved pictures for the small policy."""
        self._retina = None if video_px is None else VideoRetina(video_px)
        self.world = World()
        self.renderer = CameraRenderer(self.world.model)

    def record(self, plan: EpisodePlan) -> Episode:
        """Return the episode; recording begins where the expert takes over."""
        world, rng = self.world, np.random.default_rng((plan.seed, 1))
        world.reset(plan.task, plan.seed)
        wanted = world.joint_positions_rad
        if plan.driver is not None:
            plan.driver.begin()
            for _ in range(plan.driver_ticks):
                seen = self.renderer.render_crop(world.data)[0]
                driven = plan.driver.target(world.joint_positions_rad, seen, plan.task)
                self._drive(wanted, driven)
                wanted = driven
        return self._demonstrate(plan, wanted, rng)

    def frame(self) -> NDArray[np.uint8]:
        """Return what the camera sees now (240, 424, 3)."""
        return self.renderer.render(self.world.data)[0]

    def joints(self) -> Joints:
        """Return the joints (joint,) as they are now."""
        return self.world.joint_positions_rad

    def _demonstrate(self, plan: EpisodePlan, wanted: Joints, rng: np.random.Generator) -> Episode:
        world, episode = self.world, Episode()
        noise = TargetNoise(plan.task, rng) if plan.noisy else None
        phase = int(rng.integers(plan.picture_every))
        executed = wanted
        step, stop_step = 0, round(plan.time_limit_s / STEP_S)
        while step < stop_step:
            target = expert_target(plan.task, self._observation(), STEP_S * STEPS_PER_TICK)
            goal = target + noise.offset_rad(world.time_ns) if noise else target
            for part in range(STEPS_PER_TICK):
                if step % plan.picture_every == phase:
                    self._look(episode, step)
                episode.joints_rad.append(quantised_rad(world.joint_positions_rad))
                episode.points_m.append(self._points())
                episode.target_rad.append(wanted + part / STEPS_PER_TICK * (target - wanted))
                self._command(executed + (part + 1) / STEPS_PER_TICK * (goal - executed))
                step += 1
            wanted, executed = target, goal
            if world.succeeded() and not episode.succeeded:
                episode.succeeded = True
                stop_step = min(stop_step, step + round(plan.after_success_s / STEP_S))
        return episode

    def _look(self, episode: Episode, step: int) -> None:
        episode.picture_step.append(step)
        if self._retina is None:
            episode.pictures.append(halved(self.renderer.render_crop(self.world.data)[0]))
            return
        rgb, depth_mm = self.renderer.render_crop(self.world.data)
        episode.pictures.append(self._retina.picture(rgb))
        episode.depth_mm.append(self._retina.depth_mm(depth_mm))

    def _drive(self, start: Joints, goal: Joints) -> None:
        for part in range(1, STEPS_PER_TICK + 1):
            self._command(start + part / STEPS_PER_TICK * (goal - start))

    def _command(self, target_rad: Joints) -> None:
        self.world.set_targets(quantised_rad(target_rad))
        self.world.step(PHYSICS_STEPS_A_COMMAND)

    def _observation(self) -> Observation:
        seen = self.world.state
        return Observation(joints_rad=quantised_rad(seen.joints_rad), object_state=seen.object_state)

    def _points(self) -> NDArray[np.float64]:
        state = self.world.state.object_state
        return np.stack([self.world.tip_position_m(), state.position_m, state.goal_m])


def halved(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what the small policy sees of a square (240, 240, 3): (120, 120, 3)."""
    side = rgb.shape[0] // 2
    return np.rint(rgb.reshape(side, 2, side, 2, 3).mean((1, 3))).astype(np.uint8)
