"""The slow stage: the newest pictures and the instruction become foresight. Pure: no clock, no thread, no device."""

from __future__ import annotations

import numpy as np

from interfaces.engine import Tensors
from interfaces.errors import DeviceError, RefusedError
from interfaces.graph_contract import INSTRUCTION, TOKENS
from interfaces.messages import Foresight
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
        self._sequence = 0

    def foresee(self, frames: FrameSet, instruction: str, t_now_ns: int) -> Foresight:
        """Return the foresight of one frame of each camera, stamped with the oldest of them, and done at `t_now_ns`.

        Who measures real time replaces `t_done_ns` afterwards. Raises RefusedError for an instruction the bundle does not know, and
        DeviceError for a picture that is missing or of another size.
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
        )

    def _pictures(self, frames: FrameSet) -> Tensors:
        pictures = {frame.camera: frame.rgb for frame in frames}
        for camera in self._cameras:
            if camera.name not in pictures:
                raise DeviceError(f"camera {camera.name} gave no picture; the bundle wants one")
            shape, wanted = pictures[camera.name].shape, (camera.height_px, camera.width_px, 3)
            if shape != wanted:
                raise DeviceError(f"camera {camera.name} gave a picture of {shape}; the bundle wants {wanted}")
        return {camera.name: pictures[camera.name] for camera in self._cameras}
