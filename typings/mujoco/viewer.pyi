"""MuJoCo's own viewer: needs a display."""

from contextlib import AbstractContextManager
from typing import Protocol

from mujoco import MjData, MjModel

class Handle(AbstractContextManager[Handle], Protocol):
    def is_running(self) -> bool: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...

def launch_passive(
    model: MjModel, data: MjData, *, show_left_ui: bool = True, show_right_ui: bool = True
) -> Handle: ...
