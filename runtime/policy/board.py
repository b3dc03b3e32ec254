"""What the threads of the policy process share: the newest of everything, the instruction, faults and gauges."""

from __future__ import annotations

import logging
import threading

from drivers.camera import CameraHealth
from interfaces.messages import ActionChunk, Foresight, Frame
from interfaces.wire import CommandStatus
from runtime.policy.frame_pairing import FrameSet
from runtime.policy.gauge import Gauge
from runtime.policy.slot import Slot

_log = logging.getLogger(__name__)
_SEES_NS = 2_000_000_000


class CameraView:
    """What one camera thread notes."""

    def __init__(self) -> None:
        self.health: CameraHealth | None = None
        self.frame: Frame | None = None  # the newest, for people to look at, also where the policy may not see it
        self.latency = Gauge()  # capture to slot


class PolicyBoard:
    """Each field has one thread that writes it; every write is one reference, so any thread may read."""

    def __init__(self) -> None:
        self.stop = threading.Event()  # set by anyone: every thread ends
        self.instruction: str | None = None  # written by control
        self.frames: Slot[FrameSet] = Slot()  # by the camera threads
        self.cameras: dict[str, CameraView] = {}  # by name; made before any thread runs
        self.foresights: Slot[Foresight] = Slot()  # by the foresight thread
        self.foresight_latency = Gauge()
        self.t_foresight_due_ns = 0  # when the next is expected to be done
        self.command: CommandStatus | None = None  # by the action thread
        self.connected = False
        self.chunk: ActionChunk | None = None
        self.action_latency = Gauge()
        self.foresight_age = Gauge()  # at the joint state of every chunk
        self.ready = False  # written by the main thread: every camera gave a frame, or was waited for
        self.hanging: tuple[str, ...] = ()  # by the main thread: loops that end no turn
        self.last_fault: str | None = None
        self._faults: dict[str, str] = {}
        self._lock = threading.Lock()  # around changes of the faults: every thread may have some

    def view(self, camera: str) -> CameraView:
        """Return what is noted of a camera, from its first mention on."""
        return self.cameras.setdefault(camera, CameraView())

    def fault(self, source: str, text: str) -> None:
        """Report a fault of `source`; said once, until it changes or is over."""
        with self._lock:
            if self._faults.get(source) == text:
                return
            self._faults = {**self._faults, source: text}
            self.last_fault = text
        _log.error("%s: %s", source, text, extra={"event": "fault", "fault": source})

    def over(self, source: str) -> None:
        """Report that `source` works (again)."""
        if source not in self._faults:  # nearly always: no lock for that
            return
        with self._lock:
            self._faults = {key: text for key, text in self._faults.items() if key != source}
        _log.warning("%s: works again", source, extra={"event": "over", "fault": source})

    def sees(self, t_now_ns: int) -> bool:
        """Return whether what the cameras show came to the policy just now."""
        newest = self.frames.newest()
        return newest is not None and t_now_ns - max(frame.t_arrival_ns for frame in newest.value) < _SEES_NS

    @property
    def faults(self) -> dict[str, str]:
        """Return what is wrong now, by source."""
        return self._faults
