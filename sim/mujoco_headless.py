"""The one place that imports mujoco, so that its off-screen renderer is chosen before the import reads the choice."""

import os

# mujoco picks its OpenGL loader while it is imported; EGL renders without a display, on a GPU or in software (Mesa).
os.environ.setdefault("MUJOCO_GL", "egl")

import mujoco

__all__ = ["mujoco"]
