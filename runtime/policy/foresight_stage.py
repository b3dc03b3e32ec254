"""The slow stage: the newest pictures, or some more of them, and the instruction become foresight. Pure: no clock, no thread, no device."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from interfaces.bundle_manifest import CameraSpec
from interfaces.engine import Tensors
from interfaces.errors import DeviceError, RefusedError
from interfaces.graph_contract import INSTRUCTION, TOKENS
from interfaces.messages import Foresight, Frame
from runtime.policy.bundle import LoadedBundle
from runtime.policy.frame_pairing import FrameSet


class ForesightStage:
    """Runs the foresight graph of a bundle."""

    def __init__(self, bundle: LoadedBundle) -> None:
        manifest = bundle.manifest
        self._cameras = bundle.cameras
        self._instructions = manifest.instructions
        self._one_hot = np.eye(len(manifest.instructions), dtype=np.float32)
        self._engine = bundle.foresight
        self._histories = {
            camera.name: np.empty(camera.shape, np.uint8) for camera in bundle.cameras if camera.n_history > 1
        }
        self._sequence = 0

    def foresee(self, frames: FrameSet, instruction: str, t_now_ns: int) -> Foresight:
        """Return the foresight of one frame of each camera, stamped with the oldest of them, and done at `t_now_ns`.

        Who measures real time replaces `t_done_ns` afterwards. Raises RefusedError for an instruction the bundle does not know, and
        DeviceError for a picture that is missing or of another size, or has not those before it that the bundle wants.
        """
        if instruction not in self._instructions:
            raise RefusedError(f"instruction {instruction!r}; the bundle knows {', '.join(self._instructions)}")
        one_hot = self._one_hot[self._instructions.index(instruction)]
        outputs = self._engine.run({**self._pictures(frames), INSTRUCTION: one_hot})
        self._sequence += 1
        return Foresight(
            sequence=self._sequence,
            instruction=instruction,
            t_capture_ns=min(frame.t_capture_ns for frame in frames),
            t_done_ns=t_now_ns,
            tokens=np.array(outputs[TOKENS], np.float32),  # the engine overwrites its outputs in the next run
            t_earlier_ns=tuple(one.t_capture_ns for frame in frames for one in frame.earlier),
        )

    def _pictures(self, frames: FrameSet) -> Tensors:
        by_camera = {frame.camera: frame for frame in frames}
        pictures: dict[str, NDArray[np.uint8]] = {}
        for camera in self._cameras:
            if camera.name not in by_camera:
                raise DeviceError(f"camera {camera.name} gave no picture; the bundle wants one")
            frame = by_camera[camera.name]
            _require_size(camera, frame)
            pictures[camera.name] = frame.rgb if camera.n_history == 1 else self._history(camera, frame)
        return pictures

    def _history(self, camera: CameraSpec, newest: Frame) -> NDArray[np.uint8]:
        """Return the frames (n_history, height, width, 3), oldest first, in memory that the next call overwrites."""
        frames = (*newest.earlier, newest)
        if len(frames) != camera.n_history:
            raise DeviceError(f"camera {camera.name} gave {len(frames)} pictures; the bundle wants {camera.n_history}")
        history = self._histories[camera.name]
        for row, frame in zip(history, frames, strict=True):
            _require_size(camera, frame)
            row[...] = frame.rgb
        return history


def _require_size(camera: CameraSpec, frame: Frame) -> None:
    wanted = (camera.height_px, camera.width_px, 3)
    if frame.rgb.shape != wanted:
        raise DeviceError(f"camera {camera.name} gave a picture of {frame.rgb.shape}; the bundle wants {wanted}")
