"""The world in real time: physics that keeps up with the clock, servos beside it, and an episode that is watched.

One thread calls `advance`; another may ask at the same time. A world that falls behind skips, and counts what it skipped.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from interfaces.errors import RefusedError
from sim.camera.process import CLEARED, Exposure
from sim.motors.servo_world import ServoWorld
from sim.tasks import TASKS
from sim.truth import BoardPlace
from sim.world import STEP_NS, World

_CATCH_UP_NS = 100_000_000  # a world further behind than this lets the time go


class LiveWorld:
    """A world that is stepped up to the present; `t_now_ns` is always the monotonic clock's, given by the caller."""

    def __init__(self, world: World, servos: ServoWorld, frame_ns: int, t_now_ns: int) -> None:
        self._world, self._servos = world, servos
        self._lock = threading.Lock()
        self._t_world_ns = t_now_ns
        self._frame_ns = frame_ns
        self._stamp_delay_ns = round(world.truth.stamp_delay_ms * 1e6)
        self._t_next_frame_ns = t_now_ns
        self._n_frames = 0
        self._skipped_ns = 0
        self._task, self._seed = world.task_name, 0
        self._t_episode_ns = t_now_ns
        self._success_ns: int | None = None

    def advance(self, t_now_ns: int) -> Exposure | None:
        """Step the physics up to now; return what the camera sees where a picture is due."""
        with self._lock:
            behind_ns = t_now_ns - self._t_world_ns
            if behind_ns > _CATCH_UP_NS:
                self._skipped_ns += behind_ns - STEP_NS
                self._t_world_ns = t_now_ns - STEP_NS
            while self._t_world_ns + STEP_NS <= t_now_ns:
                self._servos.write_to(self._world)
                if self._servos.all_drive and not self._world.hand.is_idle:
                    self._world.hand.let_go()  # a person feels that the motors hold the arm
                self._world.step(1)
                self._servos.read_from(self._world)
                self._t_world_ns += STEP_NS
            if self._success_ns is None and self._task != CLEARED and self._world.succeeded():
                self._success_ns = self._t_world_ns - self._t_episode_ns
            return self._exposure() if self._t_world_ns >= self._t_next_frame_ns else None

    def set_scene(self, task: str, seed: int) -> None:
        """Set a task's objects on the table and watch for its success; the arm stays as it is. RefusedError if there is no such task."""
        if task not in TASKS:
            raise RefusedError(f"task {task!r}; the world has {', '.join(TASKS)}")
        with self._lock:
            self._world.reset_objects(task, seed)
            self._task, self._seed = task, seed
            self._t_episode_ns, self._success_ns = self._t_world_ns, None

    def clear(self) -> None:
        """Take everything off the table; the arm stays as it is."""
        with self._lock:
            self._world.clear_table()
            self._task, self._seed = CLEARED, 0
            self._t_episode_ns, self._success_ns = self._t_world_ns, None

    def guide(self, joints_rad: list[Any]) -> None:
        """Lead the limp joints to angles by hand, and hold them; those that are None are let go. RefusedError for other than six."""
        if len(joints_rad) != 6 or not all(angle is None or isinstance(angle, int | float) for angle in joints_rad):
            raise RefusedError(f"a hand for {str(joints_rad)[:80]}; expected six angles or null")
        goal_rad = np.array([np.nan if angle is None else angle for angle in joints_rad], np.float64)
        with self._lock:
            self._world.hand.guide(goal_rad)

    def place_board(self, board: BoardPlace | None) -> None:
        """Put the board somewhere else, or away."""
        with self._lock:
            self._world.board = board

    def status(self) -> dict[str, Any]:
        """Return episode, joints and tip, for whoever runs the experiment; the robot's programs do not ask."""
        with self._lock:
            return {
                "task": self._task,
                "seed": self._seed,
                "episode_s": (self._t_world_ns - self._t_episode_ns) * 1e-9,
                "success_s": None if self._success_ns is None else self._success_ns * 1e-9,
                "joints_rad": self._world.joint_positions_rad.tolist(),
                "hand": self._world.hand.is_there,
                "drives": self._servos.all_drive,
                "tip_m": self._world.tip_position_m().tolist(),
                "frames": self._n_frames,
                "skipped_s": self._skipped_ns * 1e-9,
            }

    def _exposure(self) -> Exposure:
        self._n_frames += 1
        self._t_next_frame_ns = max(self._t_next_frame_ns + self._frame_ns, self._t_world_ns)
        return Exposure(
            number=self._n_frames,
            t_capture_ns=self._t_world_ns + self._stamp_delay_ns,
            task=self._task,
            seed=self._seed,
            physics_state=self._world.physics_state(),
            board=self._world.board,
        )
