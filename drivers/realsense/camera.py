"""A RealSense camera: the newest colour frame (and depth), copied once out of librealsense's pool, stamped on our clock."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import pyrealsense2 as rs

from drivers.camera import CameraHealth
from drivers.realsense.facts import RealSenseFacts
from drivers.realsense.frames import RealSenseFrames
from drivers.realsense.recovery import Patience, RecoveryLadder, Step
from drivers.realsense.source import ConnectedCamera, Source
from drivers.realsense.stream import RealSenseStream
from drivers.realsense.warm_up import ExposureSettling
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts
from interfaces.errors import DeviceError, DeviceLostError, RefusedError
from interfaces.messages import Frame

_log = logging.getLogger(__name__)
WAIT_SLICE_NS = 100_000_000


class RealSenseCamera:
    """One RealSense behind a librealsense pipeline, which keeps only the newest set of frames.

    Every frame gets arrays of its own, read-only, never reused: whoever keeps a Frame keeps it as it was, and starves nobody.
    (A view of librealsense's memory would hold a frame of its pool: 15 views kept, and the stream stops.) A ring of our own
    would save 0.1 ms of page faults per frame, and needs a promise about how long consumers look that nobody could check.
    """

    def __init__(
        self,
        config: CameraConfig,
        source: Source | None = None,
        *,
        patience: Patience | None = None,
        record_to: Path | None = None,
    ) -> None:
        """Take the stream to ask for, and where from: by default the connected camera with the serial of `config`.

        `record_to` is a .db3 file, made anew, that librealsense records every frame into until `close`.
        """
        self._config = config
        self._source: Source = source or ConnectedCamera(config.serial)
        self._patience = patience or Patience()
        self._record_to = record_to
        self._stream: RealSenseStream | None = None
        self._interrupted = threading.Event()
        self._reset()

    @property
    def name(self) -> str:
        """Return the camera's name in the robot file."""
        return self._config.name

    @property
    def details(self) -> RealSenseFacts | None:
        """Return all that the camera says of itself and its pictures; None before its first frame."""
        return self._taken.facts

    def facts(self) -> CameraFacts:
        """Return which camera it is, and its maker's intrinsics of colour; raises DeviceLostError before the first frame."""
        told = self._taken.facts
        if not self._opened or told is None:
            raise DeviceLostError(f"{self._label}: is not open")
        return CameraFacts(model=told.name, serial=told.serial, intrinsics=told.intrinsics)

    def open(self) -> None:
        """Start the stream, and return once frames arrive and the exposure has settled (a recording: at once, so that none is lost).

        Raises DeviceLostError where there is no such camera or it sends nothing, DeviceError where it is busy, forbidden, on
        USB 2, or does not offer the stream, and RefusedError for a recording that cannot be made. librealsense's own start
        takes up to seconds, in which `interrupt` is not heard.
        """
        self.close()
        self._check_recording()
        self._reset()
        self._begin()
        self._ladder.heard(time.monotonic_ns())  # librealsense took its time to start
        self._say_warnings()
        if not self._source.replays:
            self._await_exposure(time.monotonic_ns() + self._patience.first_frame_ns)

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame not yet returned, or None when none came in time.

        A stream that falls silent for `stale_ms` is recovered here, step by step (drivers/realsense/recovery.py); where all of it
        is in vain, or at the end of a recording, raises DeviceLostError. A call in which a step is due takes as long as
        librealsense needs for it, seconds for a start; all others keep to `timeout_s`.
        """
        pending, self._pending = self._pending, None
        t_limit_ns = time.monotonic_ns() + (0 if pending else round(timeout_s * 1e9))
        while True:
            frame = self._next_frame(min(t_limit_ns, time.monotonic_ns() + WAIT_SLICE_NS))
            if frame or pending:
                self._frames += 1
                return frame or pending
            if self._interrupted.is_set():
                return None
            self._tend_silence()
            if time.monotonic_ns() >= t_limit_ns:
                return None

    def interrupt(self) -> None:
        """End `open` and `read` in another thread soon, for good."""
        self._interrupted.set()

    def health(self) -> CameraHealth:
        """Return counts since the camera was opened."""
        return CameraHealth(
            clock=self._taken.clock.clock,
            frames=self._frames,
            lost=self._taken.lost,
            rejected=self._taken.clock.rejected,
            domain=self._taken.domain,
            restarts=self._ladder.restarts,
            resets=self._ladder.resets,
        )

    def close(self) -> None:
        """Stop the stream."""
        self._opened = False
        self._stop()

    def _stop(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.stop()

    @property
    def _label(self) -> str:
        return f"camera {self._config.name} ({self._source.label})"

    def _reset(self) -> None:
        self._taken = RealSenseFrames(self._config, replayed=self._source.replays)
        self._ladder = RecoveryLadder(
            stale_ns=round(self._config.stale_ms * 1e6),
            patience=self._patience,
            resettable=self._source.resettable,
            t_now_ns=time.monotonic_ns(),
        )
        self._opened = False
        self._pending: Frame | None = None
        self._frames = 0
        self._t_drained_ns = 0  # when librealsense was last seen to hold no frame of ours

    def _begin(self) -> None:
        """Start a new stream: a pipeline that was stopped after a failure is not always fit to start again."""
        self._stream = RealSenseStream(
            self._config, self._source, f"camera {self._config.name}", self._next_recording()
        )
        self._opened = True
        self._taken.restarted()
        self._t_drained_ns = time.monotonic_ns()

    def _check_recording(self) -> None:
        path = self._record_to
        if path is None:
            return
        if path.suffix != ".db3":
            raise RefusedError(f"{path}: a recording is a .db3 file")
        if path.exists():
            raise RefusedError(f"{path}: exists already")

    def _next_recording(self) -> Path | None:
        """Return the file of this start: each restart makes a file of its own, since librealsense would overwrite the last."""
        path, again = self._record_to, 1
        while path is not None and self._record_to is not None and path.exists():
            again += 1
            path = self._record_to.with_stem(f"{self._record_to.stem}-{again}")
        return path

    def _say_warnings(self) -> None:
        if self._stream is not None and not self._source.replays:
            for warning in self._stream.warnings():
                _log.warning("%s: %s", self._label, warning)

    def _await_exposure(self, t_limit_ns: int) -> None:
        """Wait for the first frame, and, of a camera that warms up, for its exposure to settle."""
        settling = ExposureSettling()
        while True:
            frame = self._next_frame(t_limit_ns)
            if frame is None:
                self.close()
                if self._interrupted.is_set():
                    raise DeviceLostError(f"{self._label}: told to end while it was opened")
                raise DeviceLostError(
                    f"{self._label}: started, but sent {settling.frames or 'no'} frame{'s' * (settling.frames > 1)}"
                    f" within {self._patience.first_frame_ns / 1e9:g} s"
                )
            self._pending = frame
            if not self._source.warms_up:
                return
            settling.add(self._taken.exposure, float(frame.rgb[::8, ::8].mean()))
            if settling.over:
                said = f"{settling.seen_by} settled" if settling.settled else f"{settling.seen_by} did not settle"
                log = _log.info if settling.settled else _log.warning
                log("%s: %s after %d frames", self._label, said, settling.frames)
                return

    def _next_frame(self, t_limit_ns: int) -> Frame | None:
        """Return the newest frame, waiting for one until `t_limit_ns`, or until interrupted."""
        if not self._opened:
            raise DeviceLostError(f"{self._label}: is not open")
        while True:
            wait_ns = min(max(0, t_limit_ns - time.monotonic_ns()), WAIT_SLICE_NS)
            frames = self._newest(-(-wait_ns // 1_000_000))
            t_read_ns = time.monotonic_ns()
            frame = self._take(frames, t_read_ns) if frames is not None else None
            self._t_drained_ns = t_read_ns
            if frame is not None or t_read_ns >= t_limit_ns or self._interrupted.is_set():
                return frame

    def _newest(self, wait_ms: int) -> rs.composite_frame | None:
        if self._stream is None:  # away: there is nothing to wait for but the end
            self._interrupted.wait(wait_ms / 1e3)
            return None
        try:
            return self._stream.newest(wait_ms)
        except RuntimeError as error:  # as quick as it may come, it is silence
            _log.warning("%s: %s", self._label, error)
            self._interrupted.wait(wait_ms / 1e3)
            return None

    def _take(self, frames: rs.composite_frame, t_read_ns: int) -> Frame | None:
        if self._stream is None:
            return None
        frame = self._taken.taken(frames, self._stream, t_read_ns=t_read_ns, t_drained_ns=self._t_drained_ns)
        if frame is not None:
            if self._ladder.climbing:
                _log.warning("%s: streams again; %s", self._label, self._ladder.story(t_read_ns))
            self._ladder.heard(t_read_ns)
        return frame

    def _tend_silence(self) -> None:
        """Take the step that is due on a stream that is silent for too long; raises DeviceLostError where all was in vain."""
        t_now_ns = time.monotonic_ns()
        if self._source.replays:
            self._tend_recording(t_now_ns)
            return
        step = self._ladder.due(t_now_ns)
        if step is Step.LOOK:
            step = self._ladder.seen(t_now_ns, present=self._source.present())
        if step is Step.RESTART:
            self._restart()
        elif step is Step.RESET:
            self._reset_device()
        elif step is Step.GIVE_UP:
            self.close()
            raise DeviceLostError(f"{self._label}: {self._ladder.story(t_now_ns)}")

    def _tend_recording(self, t_now_ns: int) -> None:
        silent_s = self._ladder.silent_s(t_now_ns)
        ended = self._frames > 0 and silent_s > WAIT_SLICE_NS * 1e-9 and self._source.ended()
        if ended or silent_s > self._config.stale_ms * 1e-3:
            self.close()
            said = f"ended after {self._frames} frames" if ended else f"no frame for {silent_s:.1f} s"
            raise DeviceLostError(f"{self._label}: {said}")

    def _restart(self) -> None:
        _log.warning("%s: no frame for %.1f s; starts again", self._label, self._ladder.silent_s(time.monotonic_ns()))
        self._stop()
        try:
            self._begin()
        except DeviceError as error:
            self._ladder.failed(str(error), time.monotonic_ns(), gone=isinstance(error, DeviceLostError))
            _log.warning("%s: does not start again: %s", self._label, error)
        else:
            self._ladder.started(time.monotonic_ns())

    def _reset_device(self) -> None:
        self._stop()
        why = ""
        try:
            self._source.reset()
        except DeviceError as error:
            why = str(error)
        self._ladder.left(time.monotonic_ns(), why)
        said = f"refuses a hardware reset: {why}" if why else "told to reset itself"
        _log.warning("%s: no frame for %.1f s; %s", self._label, self._ladder.silent_s(time.monotonic_ns()), said)
