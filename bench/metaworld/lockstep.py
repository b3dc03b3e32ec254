"""One episode in lockstep: the policy's own stages on a virtual clock, Meta-World in the place of camera, bus and arm.

    camera      each 50 ms: a frame is taken, and is in its slot `camera_ms` later
    foresight   starts on the newest frame when it is free; done `foresight_ms` later
    action      each 25 ms, and on each new foresight: from it and the hand's place; its chunk arrives `action_ms` later
    step        each 12.5 ms: the newest chunk, read at this instant -> target -> Meta-World -> the hand's place

Meta-World knows no time: its benchmark lets the world stand still while a policy thinks. Here nothing waits, as on a robot; with all
latencies 0 it is as there. Nothing sleeps or reads a clock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.closed_loop.action_turns import ActionTurns
from bench.closed_loop.events import Events
from bench.closed_loop.latencies import Latencies
from bench.closed_loop.lockstep import Brain, Outcome
from interfaces.messages import ActionChunk, DepthMm, Foresight, Frame, JointState, Rgb
from interfaces.robot_config import PolicyConfig
from runtime.command.chunk import Anchor, ChunkFollower
from runtime.policy.action_pacer import ActionPacer
from runtime.policy.frame_history import FrameHistory
from sim.metaworld.tasks import CAMERA, STEP_NS

FRAME_STEPS = 4
FORESIGHT_HZ, ACTION_HZ = 1e9 / (FRAME_STEPS * STEP_NS), 1e9 / (2 * STEP_NS)
_CHUNK_AGE_MAX_MS = 250.0  # older: the hand stays
_UNKNOWN = np.full(4, np.nan)

Vector = NDArray[np.float64]


def policy_config(foresight_age_max_ms: float) -> PolicyConfig:
    """Return the rates and limits of the loops, as a robot file would say them; the age is what the policy was trained up to."""
    return PolicyConfig(
        bundle="", foresight_rate_hz=FORESIGHT_HZ, action_rate_hz=ACTION_HZ, foresight_age_max_ms=foresight_age_max_ms,
        chunk_age_max_ms=_CHUNK_AGE_MAX_MS, joints_age_max_ms=_CHUNK_AGE_MAX_MS, actuation_latency_ms=0.0,
        seam_blend_ms=0.0, threads=1,  # Meta-World moves by 10 mm a step at most: that smooths the seams
    )  # fmt: skip


class Played(Protocol):
    """A world to play in; sim/metaworld/world.py is one."""

    n_steps: int
    succeeded: bool

    def reset(self, task: str, seed: int) -> None:
        """Begin an episode."""
        ...

    def step(self, target: Vector | None) -> None:
        """Let 12.5 ms pass on the way to a target (4,), or stay."""
        ...

    def render(self) -> tuple[Rgb, DepthMm]:
        """Return what the camera sees."""
        ...

    @property
    def is_over(self) -> bool:
        """Return whether the episode has had all its steps."""
        ...

    @property
    def joints(self) -> Vector:
        """Return the hand's place and opening (4,)."""
        ...


def play(world: Played, brain: Brain, latencies: Latencies, task: str, seed: int) -> Outcome:
    """Return what became of the episode of this task and seed."""
    return _Episode(world, brain, latencies, task, seed).run()


class _Episode:
    def __init__(self, world: Played, brain: Brain, latencies: Latencies, task: str, seed: int) -> None:
        self._world, self._brain = world, brain
        self._camera_ns, self._foresight_ns, action_ns = (
            round(value * 1e6) for value in (latencies.camera_ms, latencies.foresight_ms, latencies.action_ms)
        )
        self._outcome = Outcome(task=task, seed=seed)
        self._follower = ChunkFollower(latency_ns=0, age_max_ns=round(_CHUNK_AGE_MAX_MS * 1e6), blend_ns=0)
        self._events = Events()
        self._turns = ActionTurns(self._events, ActionPacer(ACTION_HZ), action_ns, self._act, self._put_chunk)
        self._newest: Frame | None = None  # arrived, and not looked at yet
        self._history = FrameHistory[Frame](brain.n_history, brain.history_step_ms)
        self._t_foresight_free_ns = 0

    def run(self) -> Outcome:
        world, outcome = self._world, self._outcome
        world.reset(outcome.task, outcome.seed)
        # Loops of a real robot start at any phase to each other.
        rng = np.random.default_rng((outcome.seed, 3))
        frame_phase = int(rng.integers(FRAME_STEPS))
        self._joints = self._measured(0)
        self._events.at(int(rng.integers(2 * STEP_NS)), self._turns.look)
        while not (world.succeeded or world.is_over):
            t_ns = world.n_steps * STEP_NS
            self._events.happen_until(t_ns - 1)  # by the joints of the step before
            self._joints = self._measured(t_ns)
            if world.n_steps % FRAME_STEPS == frame_phase:
                self._take_frame(t_ns)
            self._events.happen_until(t_ns)
            world.step(self._target(t_ns))
        if world.succeeded:
            outcome.success_s = world.n_steps * STEP_NS * 1e-9
        return outcome

    def _target(self, t_ns: int) -> Vector | None:
        target, chunk = self._follower.wanted(t_ns), self._follower.chunk
        if target is not None and chunk is not None:
            self._outcome.frame_age_ms.append((t_ns - chunk.t_capture_ns) * 1e-6)
        return target

    def _measured(self, t_ns: int) -> JointState:
        return JointState(
            t_measured_ns=t_ns, position_rad=self._world.joints, velocity_rad_s=_UNKNOWN, effort_ratio=_UNKNOWN,
            voltage_v=_UNKNOWN, temperature_degc=_UNKNOWN,
        )  # fmt: skip

    def _take_frame(self, t_ns: int) -> None:
        t_arrival_ns = t_ns + self._camera_ns
        self._turns.t_foresight_due_ns = t_arrival_ns + self._foresight_ns
        rgb, depth_mm = self._world.render()
        number = t_ns // (FRAME_STEPS * STEP_NS)
        frame = Frame(
            camera=CAMERA, number=number, t_capture_ns=t_ns, t_arrival_ns=t_arrival_ns, rgb=rgb, depth_mm=depth_mm
        )
        self._events.at(t_arrival_ns, lambda t_now_ns: self._arrive(frame, t_now_ns))

    def _arrive(self, frame: Frame, t_ns: int) -> None:
        self._newest = frame
        self._history.add(frame, frame.t_capture_ns)
        self._foresee(t_ns)

    def _foresee(self, t_ns: int) -> None:
        frame = self._newest
        if frame is None or t_ns < self._t_foresight_free_ns or self._brain.foresee is None:
            return
        self._newest = None
        self._t_foresight_free_ns = done_ns = t_ns + self._foresight_ns
        earlier = self._history.earlier(frame, frame.t_capture_ns)
        foresight = self._brain.foresee((replace(frame, earlier=earlier),), self._outcome.task, t_ns)
        self._events.at(done_ns, lambda t_done_ns: self._put_foresight(replace(foresight, t_done_ns=t_done_ns)))
        self._events.at(done_ns, self._foresee)

    def _put_foresight(self, foresight: Foresight) -> None:
        self._turns.t_foresight_due_ns += FRAME_STEPS * STEP_NS
        self._turns.put(foresight)

    def _act(self, foresight: Foresight | None, t_ns: int) -> ActionChunk | None:
        return self._brain.act(foresight, self._joints, self._outcome.task, t_ns)

    def _put_chunk(self, chunk: ActionChunk, t_ns: int) -> None:
        self._follower.adopt(chunk, Anchor(t_ns=t_ns, position_rad=chunk.position_rad[0], velocity_rad_s=np.zeros(4)))
        self._outcome.foresight_age_ms.append(chunk.foresight_age_ns * 1e-6)
