"""The slow stage: the newest picture and the instruction become foresight. Pure: no clock, no thread, no device."""

from __future__ import annotations

import numpy as np

from interfaces.errors import DeviceError, RefusedError
from interfaces.graph_contract import INSTRUCTION, TOKENS
from interfaces.messages import Foresight, Frame
from runtime.bundle import LoadedBundle


class ForesightStage:
    """Runs the foresight graph of a bundle."""

    def __init__(self, bundle: LoadedBundle) -> None:
        manifest = bundle.manifest
        self._camera = bundle.camera
        self._instructions = manifest.instructions
        self._one_hot = np.eye(len(manifest.instructions), dtype=np.float32)
        self._engine = bundle.foresight
        self._sequence = 0

    def foresee(self, frame: Frame, instruction: str, t_now_ns: int) -> Foresight:
        """Return the foresight of `frame`, stamped done at `t_now_ns`; who measures real time replaces `t_done_ns` afterwards.

        Raises RefusedError for an instruction the bundle does not know, and DeviceError for a picture of another size.
        """
        if instruction not in self._instructions:
            raise RefusedError(f"instruction {instruction!r}; the bundle knows {', '.join(self._instructions)}")
        if frame.rgb.shape != (self._camera.height_px, self._camera.width_px, 3):
            raise DeviceError(
                f"camera {frame.camera} gave a picture of {frame.rgb.shape};"
                f" the bundle wants ({self._camera.height_px}, {self._camera.width_px}, 3)"
            )
        one_hot = self._one_hot[self._instructions.index(instruction)]
        outputs = self._engine.run({self._camera.name: frame.rgb, INSTRUCTION: one_hot})
        self._sequence += 1
        return Foresight(
            sequence=self._sequence,
            instruction=instruction,
            t_capture_ns=frame.t_capture_ns,
            t_done_ns=t_now_ns,
            tokens=np.array(outputs[TOKENS], np.float32),  # the engine overwrites its outputs in the next run
        )
