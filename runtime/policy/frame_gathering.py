"""Where the camera threads put their frames: sets of one instant go on to the foresight thread, and where none come, people are told."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from interfaces.bundle_manifest import CameraSpec
from interfaces.camera_config import CameraConfig
from interfaces.messages import Frame
from runtime.policy.board import PolicyBoard
from runtime.policy.frame_history import histories_of
from runtime.policy.frame_pairing import FramePairing


class FrameGathering:
    """Shared by all camera threads; with one camera each frame is a set by itself."""

    def __init__(
        self,
        cameras: Sequence[CameraConfig],
        tolerance_ms: float,
        board: PolicyBoard,
        wanted: Sequence[CameraSpec] = (),
    ) -> None:
        """Gather the frames of `cameras`, taken at most `tolerance_ms` apart, into the board's slot.

        They come with those before them where the bundle, which says what is `wanted` of each camera, looks back.
        """
        self._pairing = FramePairing([camera.name for camera in cameras], round(tolerance_ms * 1e6))
        self._source = " and ".join(camera.name for camera in cameras)
        self._tolerance_ms = tolerance_ms
        # A camera that is silent for longer than this says so itself.
        self._patience_ns = round(max(camera.stale_ms for camera in cameras) * 1e6)
        self._histories = histories_of(wanted)
        self._board = board
        self._lock = threading.Lock()
        self._t_put_ns = dict.fromkeys((camera.name for camera in cameras), 0)
        self._t_set_ns: int | None = None
        self._told = False

    def put(self, frame: Frame, t_now_ns: int) -> None:
        """Take a frame that arrived at `t_now_ns`."""
        with self._lock:
            self._t_put_ns[frame.camera] = t_now_ns
            if self._histories is not None:
                self._histories.add(frame)
            frames = self._pairing.add(frame)
            if frames is not None:
                if self._histories is not None:
                    frames = self._histories.complete(frames)
                self._t_set_ns, self._told = t_now_ns, False
                self._board.frames.put(frames)
                self._board.over(f"cameras {self._source}")
            else:
                self._complain(t_now_ns)

    def _complain(self, t_now_ns: int) -> None:
        """Tell once for how long no set came, where it is not because a camera is silent."""
        apart_ns = self._pairing.apart_ns
        if self._t_set_ns is None:
            self._t_set_ns = t_now_ns
        lasting = t_now_ns - self._t_set_ns > self._patience_ns
        all_send = t_now_ns - min(self._t_put_ns.values()) <= self._patience_ns
        if lasting and all_send and not self._told and apart_ns is not None:
            self._told = True
            self._board.fault(
                f"cameras {self._source}",
                f"frames are taken {apart_ns * 1e-6:.1f} ms apart, and policy.pair_tolerance_ms is {self._tolerance_ms:g}:"
                " no foresight is made of them",
            )
