"""A camera that somebody bumped into: it stands elsewhere than in training, and nobody calibrated it anew."""

from __future__ import annotations

# typing has `override` from 3.12 on
# pyright: reportImplicitOverride=false
from sim.camera.pusher import Pusher, direction
from sim.shifts.shift import Shift, stream
from sim.world import World

MOVED_M, TURNED_DEG = (0.005, 0.015), (0.7, 2.0)  # from and to, in any direction; in training it does not move at all


class MovedCamera(Shift):
    """Moves the camera by 5 to 15 mm and turns it by 0.7 to 2 degrees."""

    name = "camera"

    def __init__(self) -> None:
        self._pusher: Pusher | None = None

    def dress(self, seen: World, seed: int) -> None:
        """Put the camera somewhere near its place, for the whole episode."""
        if self._pusher is None:
            self._pusher = Pusher(seen)
        rng = stream(self, seen.task_name, seed)
        moved_m = direction(rng) * rng.uniform(*MOVED_M)
        self._pusher.push(moved_m, direction(rng) * rng.uniform(*TURNED_DEG))
