"""The shifts by their names."""

from __future__ import annotations

from collections.abc import Callable

from sim.shifts.clutter import Clutter
from sim.shifts.moved_camera import MovedCamera
from sim.shifts.pushed_object import PushedObject
from sim.shifts.shift import Shift
from sim.shifts.unseen_looks import UnseenLooks

SHIFTS: dict[str, Callable[[], Shift]] = {
    each.name: each for each in (Shift, MovedCamera, UnseenLooks, Clutter, PushedObject)
}
