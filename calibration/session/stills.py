"""Pictures of an arm that stands: several frames taken after it came to rest, with the joints measured meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.session.arm_session import ArmSession
from calibration.session.clock import Clock
from drivers.camera import Camera
from interfaces.errors import DeviceError
from interfaces.messages import Frame, JointVector

N_FRAMES = 5
READ_S = 0.05
PATIENCE_NS = 3_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """What camera and joints said while nothing moved."""

    frames: tuple[Frame, ...]
    position_rad: JointVector  # (joint,), mean of what was measured meanwhile


def take_still(camera: Camera, arm: ArmSession | None, clock: Clock, n_frames: int = N_FRAMES) -> Still:
    """Return frames captured from now on; raises DeviceError when the camera gives too few.

    Joint states are read between the frames, so that an arm that is held stays held; without an arm there are none.
    """
    t_start_ns = clock.now_ns()
    frames: list[Frame] = []
    joints: list[JointVector] = []
    while len(frames) < n_frames:
        if arm is not None:
            joints.append(arm.read().position_rad)
        frame = camera.read(0.0 if arm is not None else READ_S)
        if frame is not None and frame.t_capture_ns >= t_start_ns:
            frames.append(frame)
        elif clock.now_ns() - t_start_ns > PATIENCE_NS:
            raise DeviceError(f"camera {camera.name} gave {len(frames)} of {n_frames} frames in 3 s")
    mean = np.mean(joints, axis=0) if joints else np.empty(0)
    return Still(frames=tuple(frames), position_rad=mean)
