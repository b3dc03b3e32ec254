"""The simulated camera: a process of its own, because rendering must not hold up servos that answer within a millisecond.

The world sends it what there is to see (an exposure: the scene's task and seed, all that moves, and the board); it sets up the
same scene from them, renders, and passes the pictures on over the camera's cable. The newest exposure wins.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from interfaces.errors import ConfigError
from interfaces.messages import DepthMm, Rgb
from sim.camera.link import CAMERA_SOCKET, CameraLinkServer
from sim.camera.true_camera import TrueCamera
from sim.tasks import TASKS
from sim.truth import AS_DESIGNED, BoardPlace, load_truth
from sim.world import World

_HEADER = struct.Struct(
    "<qqqqqq"
)  # number, t_capture_ns, task, seed, frozen, board: 0 none, else its place in _FIXED_TO
_BOARD = struct.Struct("<10d")  # width, height, margin, translation, rotation
_MAX_BYTES = 16384
CLEARED = ""  # the task of a table with nothing on it
_TASK_NAMES: tuple[str, ...] = (*TASKS, CLEARED)
_FIXED_TO = (None, "table", "hand")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What there is to see at one instant."""

    number: int
    t_capture_ns: int
    task: str
    seed: int
    physics_state: NDArray[np.float64]
    frozen: bool = False  # the sensor hangs, and gives its last picture again
    board: BoardPlace | None = None

    def encode(self) -> bytes:
        """Return the exposure as one message."""
        task = _TASK_NAMES.index(self.task)
        fixed_to = _FIXED_TO.index(self.board.fixed_to if self.board else None)
        header = _HEADER.pack(self.number, self.t_capture_ns, task, self.seed, self.frozen, fixed_to)
        return header + _encode_board(self.board) + self.physics_state.tobytes()


def decode_exposure(message: bytes) -> Exposure:
    """Return the exposure in a message of `encode`."""
    number, t_capture_ns, task, seed, frozen, fixed_to = _HEADER.unpack_from(message)
    board = _decode_board(message, fixed_to)
    start = _HEADER.size + (_BOARD.size if board else 0)
    state = np.frombuffer(message, np.float64, offset=start).copy()  # MuJoCo wants it writeable
    return Exposure(
        number=number,
        t_capture_ns=t_capture_ns,
        task=_TASK_NAMES[int(task)],
        seed=seed,
        physics_state=state,
        frozen=bool(frozen),
        board=board,
    )


def _encode_board(board: BoardPlace | None) -> bytes:
    if board is None:
        return b""
    sizes = board.width_m, board.height_m, board.margin_m
    return _BOARD.pack(*sizes, *board.translation_m, *board.rotation_wxyz)


def _decode_board(message: bytes, fixed_to: int) -> BoardPlace | None:
    where = _FIXED_TO[fixed_to]
    if where is None:
        return None
    numbers = _BOARD.unpack_from(message, _HEADER.size)
    width_m, height_m, margin_m = numbers[:3]
    return BoardPlace(
        width_m=width_m,
        height_m=height_m,
        margin_m=margin_m,
        fixed_to=where,
        translation_m=numbers[3:6],
        rotation_wxyz=numbers[6:10],
    )


class SimulatedCameraProcess:
    """The world's end: starts the camera, and shows it what there is to see, without ever waiting for it."""

    def __init__(self, size_px: tuple[int, int] = (424, 240), truth_file: Path | None = None) -> None:
        """Film at a size, until a reader asks for another; `truth_file` says what is not as designed."""
        self._wire, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._wire.settimeout(0.0)
        # Spawned, not forked: an OpenGL context and threads do not survive a fork.
        self._process = multiprocessing.get_context("spawn").Process(
            target=_film, args=(theirs, size_px, truth_file), daemon=True
        )
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


def _film(wire: socket.socket, size_px: tuple[int, int], truth_file: Path | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the world's process decides when to end
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    studio, link = _Studio(truth_file, size_px), CameraLinkServer(Path(CAMERA_SOCKET))
    while (message := _newest(wire)) is not None:
        exposure = decode_exposure(message)
        asked_px = link.asked_px or size_px
        rgb, depth_mm = studio.picture(exposure, asked_px)
        if asked_px == (link.asked_px or size_px):  # or another reader came, and wants another size
            link.send(rgb, depth_mm, exposure.t_capture_ns, exposure.number, frozen=exposure.frozen)
    link.close()
    studio.camera.close()


class _Studio:
    """The same world once more, posed as the exposures say, and a camera before it."""

    def __init__(self, truth_file: Path | None, size_px: tuple[int, int]) -> None:
        truth = load_truth(truth_file) if truth_file else AS_DESIGNED
        self._world = World(truth)
        self._board_picture = None
        if truth_file and truth.board and truth.board.picture:
            self._board_picture = read_picture(truth_file.parent / truth.board.picture)
        self._scene: tuple[str, int] | None = None
        self._size_px = size_px
        self.camera = self._make_camera()

    def picture(self, exposure: Exposure, size_px: tuple[int, int]) -> tuple[Rgb, DepthMm]:
        """Return colour (height, width, 3) and depth (height, width) of an exposure."""
        if size_px != self._size_px:
            self._size_px = size_px
            self.camera.close()
            self.camera = self._make_camera()
        if self._scene != (exposure.task, exposure.seed):
            self._scene = (exposure.task, exposure.seed)
            if exposure.task == CLEARED:
                self._world.clear_table()
            else:
                self._world.reset_objects(*self._scene)
        self._world.put_state(exposure.physics_state)
        self._world.board = exposure.board
        return self.camera.take()

    def _make_camera(self) -> TrueCamera:
        return TrueCamera(self._world, *self._size_px, board_picture=self._board_picture)


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture file in grey, (row, column); raises ConfigError where there is none."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ConfigError(str(path), "board.picture", path.name, "a readable picture")
    return np.asarray(picture, np.uint8)


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
