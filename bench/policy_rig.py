"""A camera and a command process made of a few lines each, for benchmarks and tests of the policy process between them.

Link, control socket, threads and engines are those of the robot; only what lies beyond them is made up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivers.camera import CameraHealth
from interfaces.bundle_manifest import GraphSpec
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts
from interfaces.engine import Engine, Tensors
from interfaces.errors import DeviceLostError
from interfaces.messages import ActionChunk, CommandState, Foresight, Frame, JointState, Rgb
from interfaces.wire import CommandStatus
from runtime.link import CommandListener
from runtime.policy.foresight_loop import Foresees
from runtime.policy.frame_pairing import FrameSet
from runtime.policy.pacer import Pacer

PATIENCE_S = 30.0  # everything waited for takes tenths of a second, except on a machine that is busy otherwise
CAPTURE_TO_ARRIVAL_NS = 20_000_000


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return once the condition holds; raises TimeoutError after a time that no machine needs."""
    for _ in range(round(PATIENCE_S / 0.02)):
        if condition():
            return
        time.sleep(0.02)
    raise TimeoutError(f"waited {PATIENCE_S} s in vain for {what}")


class PlainCamera:
    """A camera of grey pictures at its configured rate, unless it is told to be silent, frozen or lost."""

    def __init__(self, config: CameraConfig) -> None:
        self._config = config
        self._rgb = np.full((config.height_px, config.width_px, 3), 51, np.uint8)
        self._pacer = Pacer(config.rate_hz)
        self.lost = self.silent = self.frozen = False
        self.opened = self.frames = 0

    @property
    def name(self) -> str:
        """Return the camera's name."""
        return self._config.name

    def open(self) -> None:
        """Count, or be lost."""
        if self.lost:
            raise DeviceLostError(f"camera {self.name}: no device connected")
        self.opened += 1

    def read(self, timeout_s: float) -> Frame | None:
        """Wait a frame's period, or in vain."""
        t_asked_ns = time.monotonic_ns()
        time.sleep(timeout_s if self.silent else self._pacer.wait_ns(t_asked_ns) * 1e-9)
        self._pacer.begin(time.monotonic_ns())
        if self.lost:
            raise DeviceLostError(f"camera {self.name}: unplugged")
        if self.silent:
            return None
        self.frames += 1
        t_now_ns = time.monotonic_ns()
        return Frame(
            camera=self.name,
            number=self.frames,
            t_capture_ns=t_now_ns - CAPTURE_TO_ARRIVAL_NS,
            t_arrival_ns=t_now_ns,
            rgb=self._picture(),
            depth_mm=None,
        )

    def _picture(self) -> Rgb:
        """Return a picture that differs from the one before in one corner, as little as a sensor's noise makes it."""
        if not self.frozen:
            self._rgb = self._rgb.copy()
            self._rgb[0, 0] = 51 + self.frames % 2
        return self._rgb

    def facts(self) -> CameraFacts:
        """Say that it is none."""
        return CameraFacts(model="none", serial="", intrinsics=None)

    def interrupt(self) -> None:
        """Nothing here takes long."""

    def health(self) -> CameraHealth:
        """Count frames."""
        return CameraHealth(clock="global", frames=self.frames, lost=0, rejected=0)

    def close(self) -> None:
        """Nothing to close."""


class SpoiltEngine:
    """An action engine that, once told to, raises, gives what is no number, or takes longer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.failure: Exception | None = None
        self.worst: float | None = None
        self.delay_s = 0.0

    @property
    def spec(self) -> GraphSpec:
        """Return the tensors of the graph."""
        return self._engine.spec

    def run(self, inputs: Tensors) -> Tensors:
        """Run, spoilt."""
        if self.failure is not None:
            raise self.failure
        outputs = {name: value.copy() for name, value in self._engine.run(inputs).items()}
        if self.worst is not None:
            outputs["positions"][3, 2] = self.worst
        time.sleep(self.delay_s)
        return outputs


class SlowForesight:
    """Foresight that takes longer by as much as one likes: what a loaded accelerator does."""

    def __init__(self, stage: Foresees, delay_s: float) -> None:
        self._stage = stage
        self._delay_s = delay_s

    def foresee(self, frames: FrameSet, instruction: str, t_now_ns: int) -> Foresight:
        """Foresee, then wait."""
        foresight = self._stage.foresee(frames, instruction, t_now_ns)
        time.sleep(self._delay_s)
        return foresight


def standing_arm(n_joints: int, t_now_ns: int) -> JointState:
    """Return the joints of an arm that stands at 0 rad."""
    zeros = np.zeros(n_joints)
    return JointState(
        t_measured_ns=t_now_ns,
        position_rad=zeros,
        velocity_rad_s=zeros,
        effort_ratio=zeros,
        voltage_v=zeros + 12.0,
        temperature_degc=zeros + 30.0,
    )


@dataclass
class CommandPeer:
    """The command process's end of the link: an arm that stands at 0 rad, and a list of every chunk that came."""

    path: Path
    n_joints: int
    period_s: float = 0.01
    speaking: bool = True
    state: CommandState = CommandState.FOLLOWING
    commanded_rad: float = 0.0
    n_gone: int = 0  # policies that went away

    def __post_init__(self) -> None:
        """Listen."""
        self.chunks: list[ActionChunk] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="command peer")
        self._thread.start()

    def close(self) -> None:
        """Hang up."""
        self._stop.set()
        self._thread.join()

    def wait_for_chunks(self, count: int) -> None:
        """Return once `count` more chunks came; raises TimeoutError when they do not."""
        wanted = len(self.chunks) + count
        wait_until(lambda: len(self.chunks) >= wanted, f"{count} chunks")

    def _run(self) -> None:
        listener, sequence = CommandListener(self.path), 0
        while not self._stop.wait(self.period_s):
            received = listener.receive()
            self.n_gone += received.gone
            if received.chunk is not None:
                self.chunks.append(received.chunk)
            sequence += 1
            if self.speaking:
                listener.send_status(self._status(sequence, time.monotonic_ns()))
        listener.close()

    def _status(self, sequence: int, t_now_ns: int) -> CommandStatus:
        joints = standing_arm(self.n_joints, t_now_ns)
        commanded_rad = joints.position_rad + self.commanded_rad
        return CommandStatus(sequence=sequence, state=self.state, joints=joints, commanded_rad=commanded_rad)
