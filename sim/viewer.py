"""MuJoCo's viewer of a living world, where there is a display."""

from __future__ import annotations

import time
import warnings
from typing import Any

from interfaces.errors import RefusedError
from sim.world import World

_REFRESH_NS = 30_000_000
_LOOK_AT_M = (0.16, 0.0, 0.05)
_DISTANCE_M, _AZIMUTH_DEG, _ELEVATION_DEG = 0.75, 145.0, -25.0


class Viewer:
    """A window on the world; a context manager. Raises RefusedError where there is no display."""

    def __init__(self, world: World) -> None:
        import glfw
        import mujoco.viewer

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", glfw.GLFWError)
            if not glfw.init():
                raise RefusedError("the viewer needs a display, and there is none here; run it without --view")
        self._handle: Any = mujoco.viewer.launch_passive(
            world.model, world.data, show_left_ui=False, show_right_ui=False
        )
        camera = self._handle.cam
        camera.lookat[:], camera.distance = _LOOK_AT_M, _DISTANCE_M
        camera.azimuth, camera.elevation = _AZIMUTH_DEG, _ELEVATION_DEG
        self._t_shown_ns = 0

    def show(self) -> bool:
        """Show the world as it is now, some thirty times a second; return whether the window is still open."""
        t_now_ns = time.monotonic_ns()
        if t_now_ns - self._t_shown_ns > _REFRESH_NS:
            self._t_shown_ns = t_now_ns
            self._handle.sync()
        return bool(self._handle.is_running())

    def __enter__(self) -> Viewer:
        """Return the viewer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the window; an open one crashes the interpreter when it ends."""
        self._handle.close()
