"""The simulated camera: a process of its own, because rendering must not hold up servos that answer within a millisecond.

The world sends it what there is to see (an exposure: the scene's task and seed, and all that moves); it sets up the same scene
from them, renders, and passes the pictures on over the camera's cable. The newest exposure wins.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.camera.link import CAMERA_SOCKET, CameraLinkServer
from sim.camera.renderer import CameraRenderer
from sim.tasks import TASKS
from sim.world import World

_HEADER = struct.Struct("<qqqqq")  # number, t_capture_ns, task, seed, frozen
_MAX_BYTES = 16384
_TASK_NAMES: tuple[str, ...] = tuple(TASKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What there is to see at one instant."""

    number: int
    t_capture_ns: int
    task: str
    seed: int
    physics_state: NDArray[np.float64]
    frozen: bool = False  # the sensor hangs, and gives its last picture again

    def encode(self) -> bytes:
        """Return the exposure as one message."""
        task = _TASK_NAMES.index(self.task)
        header = _HEADER.pack(self.number, self.t_capture_ns, task, self.seed, self.frozen)
        return header + self.physics_state.tobytes()


def decode_exposure(message: bytes) -> Exposure:
    """Return the exposure in a message of `encode`."""
    number, t_capture_ns, task, seed, frozen = _HEADER.unpack_from(message)
    state = np.frombuffer(message, np.float64, offset=_HEADER.size).copy()  # MuJoCo wants it writeable
    return Exposure(
        number=number,
        t_capture_ns=t_capture_ns,
        task=_TASK_NAMES[int(task)],
        seed=seed,
        physics_state=state,
        frozen=bool(frozen),
    )


class SimulatedCameraProcess:
    """The world's end: starts the camera, and shows it what there is to see, without ever waiting for it."""

    def __init__(self) -> None:
        self._wire, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._wire.settimeout(0.0)
        # Spawned, not forked: an OpenGL context and threads do not survive a fork.
        self._process = multiprocessing.get_context("spawn").Process(target=_film, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def expose(self, exposure: Exposure) -> None:
        """Show it the world; a camera that is too slow misses it."""
        try:
            self._wire.send(exposure.encode())
        except OSError:
            return

    def close(self) -> None:
        """End the process."""
        self._wire.close()
        self._process.join()


def _film(wire: socket.socket) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the world's process decides when to end
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    world = World()
    renderer, link = CameraRenderer(world.model), CameraLinkServer(Path(CAMERA_SOCKET))
    scene: tuple[str, int] | None = None
    while (message := _newest(wire)) is not None:
        exposure = decode_exposure(message)
        if scene != (exposure.task, exposure.seed):
            scene = (exposure.task, exposure.seed)
            world.reset_objects(*scene)
        world.put_state(exposure.physics_state)
        rgb, depth_mm = renderer.render(world.data)
        link.send(rgb, depth_mm, exposure.t_capture_ns, exposure.number, frozen=exposure.frozen)
    link.close()
    renderer.close()


def _newest(wire: socket.socket) -> bytes | None:
    """Wait for a message; return the newest there is, or None when the world is gone."""
    message = wire.recv(_MAX_BYTES)
    wire.settimeout(0.0)
    try:
        while message:
            message = wire.recv(_MAX_BYTES)
    except BlockingIOError:
        pass
    wire.settimeout(None)
    return message or None
