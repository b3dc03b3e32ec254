"""A plain USB camera (UVC): the newest picture, in memory of our own, stamped on our clock.

The kernel stamps a frame on the monotonic clock when its transfer begins (uvcvideo; drivers of other cameras likewise), so the
instant of capture is that stamp less the robot file's `latency_ms`; where the stamp cannot be, it is the arrival less the same.
Such cameras count no frames: a number counts what came from the kernel, and `lost` those of them that could not be decoded or
had waited for so long that newer ones were there.
"""

from __future__ import annotations

import logging
import threading

import cv2

from drivers.camera import CameraHealth
from drivers.clock_mapping import ClockMapping, Stamp
from drivers.uvc.source import BUFFERS, Bgr, FrameSource, VideoDevice
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts
from interfaces.errors import DeviceError, DeviceLostError
from interfaces.messages import Frame

WARM_UP_FRAMES = 15  # half a second at 30 Hz, for the exposure to settle
FIRST_FRAME_NS = 10_000_000_000
RESTART_PATIENCE_NS = 2_000_000_000  # for the first frame after a restart
RESTARTS_MAX = 2  # in a row, without a frame between them
GIVE_UP_NS = 5_000_000_000  # a camera that was unplugged may come back so long
RETRY_NS = 500_000_000  # between two attempts to start a camera that is not there
WAIT_SLICE_NS = 100_000_000
PROMPT_NS = 1_000_000  # so long is waited for a frame that is already there

_log = logging.getLogger(__name__)


class UvcCamera:
    """One UVC camera, which starts its stream anew when it falls silent, and gives up after that."""

    def __init__(self, config: CameraConfig, source: FrameSource | None = None) -> None:
        """Take the stream to ask for, and where from: by default the device file in `config.serial`."""
        self._config = config
        self._source: FrameSource = source or VideoDevice(config.serial)
        self._opened = False
        self._interrupted = threading.Event()
        self._reset()

    @property
    def name(self) -> str:
        """Return the camera's name in the robot file."""
        return self._config.name

    def open(self) -> None:
        """Start the stream, and return once the exposure had time to settle.

        Raises DeviceLostError where there is no such camera or it sends nothing, DeviceError where it is busy, forbidden, or does
        not offer the stream.
        """
        self.close()
        self._reset()
        try:
            self._source.start(self._config)
        except DeviceError as error:
            raise type(error)(f"{self._label}: {error}") from error
        self._opened = True
        self._t_taken_ns = self._source.now_ns()
        t_limit_ns = self._source.now_ns() + FIRST_FRAME_NS
        for _ in range(WARM_UP_FRAMES + 1):
            self._pending = self._next_frame(t_limit_ns)
            if self._pending is None:
                self.close()
                if self._interrupted.is_set():
                    raise DeviceLostError(f"{self._label}: told to end while it was opened")
                why = self._gone or f"sent no frames within {FIRST_FRAME_NS / 1e9:.0f} s"
                raise DeviceLostError(f"{self._label}: started, but {why}")
        self._lost = 0

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame not yet returned, or None when none came in time.

        A stream that falls silent for `stale_ms` is started anew here, at most RESTARTS_MAX times in a row, and a camera that is
        unplugged is looked for for GIVE_UP_NS; then raises DeviceLostError. A start may take 10 s where the camera says nothing.
        """
        if not self._opened:
            raise DeviceLostError(f"{self._label}: is not open")
        pending, self._pending = self._pending, None
        t_limit_ns = self._source.now_ns() + (0 if pending else round(timeout_s * 1e9))
        while True:
            frame = self._next_frame(min(t_limit_ns, self._source.now_ns() + WAIT_SLICE_NS)) or pending
            if frame is not None:
                self._frames += 1
                return frame
            if self._interrupted.is_set():
                return None
            self._tend_silence()
            if self._source.now_ns() >= t_limit_ns:
                return None

    def facts(self) -> CameraFacts:
        """Return which camera it is; such cameras know no intrinsics. Raises DeviceLostError before `open`."""
        if not self._opened:
            raise DeviceLostError(f"{self._label}: is not open")
        model, serial = self._source.describe()
        return CameraFacts(model=model, serial=serial, intrinsics=None)

    def interrupt(self) -> None:
        """End `open` and `read` in another thread soon, for good; a start that the kernel is busy with ends when it does."""
        self._interrupted.set()

    def health(self) -> CameraHealth:
        """Return counts since the camera was opened; its clock is "arrival", by the kernel's stamp or our own."""
        return CameraHealth(
            clock=self._clock.clock,
            frames=self._frames,
            lost=self._lost,
            rejected=self._clock.rejected,
            restarts=self._restarts_ever,
        )

    def close(self) -> None:
        """Stop the stream."""
        self._opened = False
        self._source.stop()

    @property
    def _label(self) -> str:
        return f"camera {self._config.name} ({self._source.label})"

    def _reset(self) -> None:
        self._clock = ClockMapping(
            latency_ns=round(self._config.latency_ms * 1e6), age_max_ns=round(self._config.stale_ms * 1e6)
        )
        self._pending: Frame | None = None
        self._frames = self._lost = self._number = 0
        self._restarts = self._restarts_ever = 0  # in a row, and since it was opened
        self._gone: str | None = None  # why there is no stream
        self._t_heard_ns = self._t_taken_ns = self._t_gone_ns = self._t_attempt_ns = self._source.now_ns()

    def _next_frame(self, t_limit_ns: int) -> Frame | None:
        """Return the newest frame, waiting for one until `t_limit_ns`; None also where the camera has just gone."""
        try:
            self._skip_old()
            while self._arrives(t_limit_ns):
                taken = self._take()
                if taken is not None:
                    self._t_heard_ns, self._restarts = self._source.now_ns(), 0
                    return self._frame(*taken)
        except DeviceLostError as error:
            self._give_up_stream(str(error))
        return None

    def _arrives(self, t_limit_ns: int) -> bool:
        """Wait in slices, so that an interruption is heard; return whether a frame is there."""
        while not self._interrupted.is_set():
            left_ns = max(0, t_limit_ns - self._source.now_ns())
            if self._source.wait(min(left_ns, WAIT_SLICE_NS)):
                return True
            self._t_taken_ns = self._source.now_ns()  # nothing waits: what comes from now on is new
            if left_ns <= WAIT_SLICE_NS:
                return False
        return False

    def _skip_old(self) -> None:
        """Throw away what waits since long: after a pause of the reader all buffers are full, and the camera has none to fill."""
        absent_ns = self._source.now_ns() - self._t_taken_ns
        n_old = min(BUFFERS, absent_ns * self._config.rate_hz // 1_000_000_000 - 1)
        for _ in range(n_old):
            if not self._source.wait(PROMPT_NS):
                return
            self._lost += self._take() is not None  # what cannot be decoded is counted there

    def _take(self) -> tuple[Bgr, float] | None:
        taken = self._source.take()
        self._t_taken_ns = self._source.now_ns()
        self._number += 1
        # A Motion JPEG picture that lost a part on its way may decode to anything.
        if taken is None or taken[0].shape != (self._config.height_px, self._config.width_px, 3):
            self._lost += 1
            return None
        return taken

    def _frame(self, bgr: Bgr, stamp_ms: float) -> Frame:
        t_arrival_ns = self._source.now_ns()
        # The kernel's clock is ours already: nothing lies between them.
        stamp = Stamp(clock="system", stamp_ms=stamp_ms, readout_ms=0.0)
        t_capture_ns = self._clock.capture_ns(stamp, t_arrival_ns, epoch_from_monotonic_ns=0)
        rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype("uint8", copy=False)
        rgb.flags.writeable = False
        return Frame(
            camera=self._config.name,
            number=self._number,
            t_capture_ns=t_capture_ns,
            t_arrival_ns=t_arrival_ns,
            rgb=rgb,
            depth_mm=None,
        )

    def _tend_silence(self) -> None:
        """Start a stream anew that is silent for too long, or gone; raises DeviceLostError where that is in vain."""
        t_now_ns = self._source.now_ns()
        silent_ns = t_now_ns - self._t_heard_ns
        if self._gone is None:
            if silent_ns < (RESTART_PATIENCE_NS if self._restarts else self._config.stale_ms * 1e6):
                return
            self._give_up_stream(f"no frame for {silent_ns / 1e9:.1f} s")
        elif t_now_ns - self._t_attempt_ns < RETRY_NS:
            return
        if self._restarts == RESTARTS_MAX or t_now_ns - self._t_gone_ns > GIVE_UP_NS:
            self.close()
            raise DeviceLostError(f"{self._label}: {self._gone}; {self._restarts} restarts did not help")
        self._restart()

    def _give_up_stream(self, why: str) -> None:
        self._gone, self._t_gone_ns = why, self._source.now_ns()
        self._source.stop()
        _log.warning("%s: %s", self._label, why)

    def _restart(self) -> None:
        self._t_attempt_ns = self._source.now_ns()
        try:
            self._source.start(self._config)
        except DeviceError as error:
            self._gone = str(error)
            return
        self._gone = None
        self._restarts += 1
        self._restarts_ever += 1
        self._t_heard_ns = self._t_taken_ns = self._source.now_ns()
        _log.warning("%s: started anew (%d of %d)", self._label, self._restarts, RESTARTS_MAX)
