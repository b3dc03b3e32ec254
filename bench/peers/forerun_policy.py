"""forerun's policy process, with the benchmark's camera and two engines that wait instead of computing.

Its model is two graphs: the latency is shared out, nine tenths to foresight and the rest to the action made from it.
"""

from __future__ import annotations

import dataclasses
import signal
import sys
import time
from pathlib import Path

import numpy as np

from bench.peers.clock_camera import ClockCamera
from bench.peers.contest import Setup
from bench.peers.frame_code import GoalCode, number_in
from drivers.camera import CameraHealth
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.bundle_manifest import GraphSpec, load_manifest
from interfaces.device_facts import CameraFacts
from interfaces.engine import Tensors
from interfaces.graph_contract import POSITIONS, TOKENS
from interfaces.messages import Frame
from interfaces.robot_config import load_robot
from runtime.policy.bundle import LoadedBundle
from runtime.policy.inference_choice import Choice
from runtime.policy_process import PolicyProcess, go_first

MANIFEST = Path(__file__).parents[2] / "robots" / "bundles" / "so101-small"
CENTRE_TICKS = 2048
FORESIGHT_SHARE = 0.9


class BenchmarkCamera:
    """The benchmark's camera as forerun wants cameras to be."""

    def __init__(self, name: str, rate_hz: float) -> None:
        self._name = name
        self._camera = ClockCamera(rate_hz)
        self._number = -1

    @property
    def name(self) -> str:
        """Return the camera's name."""
        return self._name

    def open(self) -> None:
        """Start the stream."""
        self._camera.start()

    def read(self, timeout_s: float) -> Frame | None:
        """Return the next frame, or None when none came in time."""
        newest = self._camera.wait(self._number, timeout_s)
        if newest is None:
            return None
        self._number, picture = newest
        return Frame(
            camera=self._name,
            number=self._number,
            t_capture_ns=self._camera.taken_ns(self._number),
            t_arrival_ns=time.monotonic_ns(),
            rgb=picture,
            depth_mm=None,
        )

    def facts(self) -> CameraFacts:
        """Say that it is none."""
        return CameraFacts(model="none", serial="", intrinsics=None)

    def interrupt(self) -> None:
        """Nothing here takes long."""

    def health(self) -> CameraHealth:
        """Count frames."""
        return CameraHealth(clock="global", frames=self._number + 1, lost=0, rejected=0)

    def close(self) -> None:
        """Stop the stream."""
        self._camera.stop()


class StubForesight:
    """Puts the number it sees into its tokens."""

    def __init__(self, spec: GraphSpec, camera: str, duration_s: float) -> None:
        self.spec = spec
        self._camera = camera
        self._duration_s = duration_s
        self._tokens = np.zeros(next(tensor.shape for tensor in spec.outputs if tensor.name == TOKENS), np.float32)

    def run(self, inputs: Tensors) -> Tensors:
        """Return the tokens, in a while."""
        self._tokens[0, 0] = number_in(inputs[self._camera], white=255.0)
        time.sleep(self._duration_s)
        return {TOKENS: self._tokens}


class StubAction:
    """Answers with the number in the tokens."""

    def __init__(self, spec: GraphSpec, code: GoalCode, duration_s: float) -> None:
        self.spec = spec
        self._code = code
        self._duration_s = duration_s
        shape = next(tensor.shape for tensor in spec.outputs if tensor.name == POSITIONS)
        self._position_rad = np.zeros(shape, np.float32)

    def run(self, inputs: Tensors) -> Tensors:
        """Return the rows, in a while."""
        self._position_rad[:] = (self._code.ticks(int(inputs[TOKENS][0, 0])) - CENTRE_TICKS) * RAD_PER_TICK
        time.sleep(self._duration_s)
        return {POSITIONS: self._position_rad}


def main(setup: Setup) -> None:
    """Run until killed."""
    robot, manifest = load_robot(Path("robot.toml")), load_manifest(MANIFEST)
    from_now_on = dataclasses.replace(manifest.chunk, first_ms=0.0)  # as the first row of a peer's chunk
    manifest = dataclasses.replace(manifest, chunk=from_now_on)
    foresight_s = FORESIGHT_SHARE * setup.model_ms * 1e-3
    bundle = LoadedBundle(
        manifest=manifest,
        running=Choice(manifest.artefacts[0]),
        foresight=StubForesight(manifest.foresight, manifest.cameras[0].name, foresight_s),
        action=StubAction(
            manifest.action, GoalCode(setup.code_lasts_s, setup.camera_hz), setup.model_ms * 1e-3 - foresight_s
        ),
        foresight_off=0.0,
        action_off_rad=0.0,
    )
    if robot.runtime.realtime != "off":  # as runtime.policy_process.run does
        go_first()
    process = PolicyProcess(robot, bundle, [BenchmarkCamera(manifest.cameras[0].name, setup.camera_hz)])
    signal.signal(signal.SIGTERM, lambda _number, _frame: process.stop.set())
    process.follow(manifest.instructions[0])
    process.start()
    process.stop.wait()
    process.close()


if __name__ == "__main__":
    main(Setup.load(Path(sys.argv[1])))
