# pyright: basic, reportMissingImports=false
# Run by physicalai's own Python; what it imports is not installed beside our type checker.
"""Intel physicalai's RobotRuntime with its own SO-101 driver; put in are the camera, and a model that waits instead of computing."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from physicalai.capture.camera import Camera
from physicalai.capture.frame import Frame
from physicalai.robot.so101 import SO101
from physicalai.runtime import (
    AsyncExecution,
    ChunkedActionQueue,
    LerpSmoother,
    PolicySource,
    ReplaceSmoother,
    RobotRuntime,
    SyncExecution,
)

from bench.peers.clock_camera import ClockCamera
from bench.peers.contest import Setup
from bench.peers.frame_code import GoalCode, number_in

TICKS_MAX = 4095.0  # of the calibration written here: the servos' whole turn


class BenchmarkCamera(Camera):
    """The benchmark's camera as physicalai wants cameras to be."""

    def __init__(self, rate_hz: float) -> None:
        super().__init__()
        self._camera = ClockCamera(rate_hz)
        self._connected = False

    @property
    def is_connected(self) -> bool:
        """Return whether it streams."""
        return self._connected

    @property
    def device_id(self) -> str:
        """Return a name."""
        return "benchmark"

    def connect(self, timeout: float = 5.0) -> None:  # noqa: ARG002
        """Start the stream."""
        self._camera.start()
        self._connected = True

    def _do_disconnect(self) -> None:
        self._camera.stop()
        self._connected = False

    def read_latest(self) -> Frame:
        """Return the newest frame at once."""
        number, picture = self._camera.newest()
        return Frame(data=picture, timestamp=self._camera.taken_ns(number) * 1e-9, sequence=number)

    def read(self, timeout: float = 2.0) -> Frame:  # noqa: ARG002
        """Return the newest frame."""
        return self.read_latest()


class StubModel:
    """Answers with the number it sees, as late as the model of everybody."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._code = GoalCode(setup.code_lasts_s, setup.camera_hz)

    def predict_action_chunk(self, observation: dict) -> np.ndarray:
        """Return (row, joint) in physicalai's units."""
        ticks = self._code.ticks(number_in(observation["images"][0], white=255.0))
        time.sleep(self._setup.model_ms * 1e-3)
        action = ticks / TICKS_MAX * 200.0 - 100.0
        action[-1] = ticks[-1] / TICKS_MAX * 100.0
        return np.tile(action, (self._setup.chunk_rows, 1)).astype(np.float32)

    def reset(self) -> None:
        """Nothing to forget."""


def main(setup: Setup) -> None:
    """Run until killed."""
    whole_turn = {"drive_mode": 0, "homing_offset": 0, "range_min": 0, "range_max": int(TICKS_MAX)}
    calibration = {name: {"id": 1 + i, **whole_turn} for i, name in enumerate(SO101.JOINT_ORDER)}
    freshest = setup.tuning == "freshest"
    execution = AsyncExecution if setup.mode == "async" else SyncExecution
    source = PolicySource(
        StubModel(setup),
        execution(request_threshold=1.0 if freshest else 0.5),
        ChunkedActionQueue(ReplaceSmoother() if freshest else LerpSmoother(duration_frames=5)),
    )
    runtime = RobotRuntime(
        robot=SO101(setup.port, calibration=calibration),
        action_source=source,
        fps=setup.rate_hz,
        cameras={"front": BenchmarkCamera(setup.camera_hz)},
    )
    with runtime:
        runtime.run()


if __name__ == "__main__":
    main(Setup.load(Path(sys.argv[1])))
