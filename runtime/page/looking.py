"""What viewers look at beyond the status: pictures and foresight. Fetched by the one poller, and only while somebody looks."""

from __future__ import annotations

import base64
import binascii
import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from interfaces.errors import RefusedError
from interfaces.request_socket import JsonObject
from runtime.status.gather import Gathering

_WANTED_NS = 3_000_000_000  # after the last viewer asked
_WAIT_S = 1.5  # of the first viewer, for the first picture
_FORESIGHT = "foresight"


@dataclass(frozen=True, slots=True)
class _Held:
    """What was fetched last; None where the policy had none."""

    t_ns: int
    value: bytes | JsonObject | None


class Looking:
    """Pictures by camera, and the foresight; the poller fetches, any thread asks."""

    def __init__(self, cameras: Sequence[str]) -> None:
        """`cameras` are the robot's, by name."""
        self._cameras = tuple(cameras)
        self._wanted_ns: dict[str, int] = {}
        self._held: dict[str, _Held] = {}
        self._changed = threading.Condition()

    def picture(self, camera: str | None) -> bytes | None:
        """Return the newest picture of a camera, None for the first, as JPEG; None where there is none."""
        name = self._cameras[0] if camera is None else camera
        if name not in self._cameras:
            return None
        value = self._ask(f"camera {name}")
        return value if isinstance(value, bytes) else None

    def foresight(self) -> JsonObject | None:
        """Return the newest foresight as the policy tells it; None where there is none."""
        value = self._ask(_FORESIGHT)
        return value if isinstance(value, dict) else None

    def fetch(self, gathering: Gathering) -> None:
        """Fetch what is looked at; called by the poller after each look."""
        t_now_ns = time.monotonic_ns()
        for name, t_wanted_ns in list(self._wanted_ns.items()):
            if t_now_ns - t_wanted_ns < _WANTED_NS:
                self._hold(name, _fetched(gathering, name))

    def _ask(self, name: str) -> bytes | JsonObject | None:
        self._wanted_ns[name] = time.monotonic_ns()
        with self._changed:
            self._changed.wait_for(lambda: self._fresh(name) is not None, _WAIT_S)
            held = self._fresh(name)
        return None if held is None else held.value

    def _fresh(self, name: str) -> _Held | None:
        held = self._held.get(name)
        return held if held is not None and time.monotonic_ns() - held.t_ns < _WANTED_NS else None

    def _hold(self, name: str, value: bytes | JsonObject | None) -> None:
        with self._changed:
            self._held[name] = _Held(time.monotonic_ns(), value)
            self._changed.notify_all()


def _fetched(gathering: Gathering, name: str) -> bytes | JsonObject | None:
    with contextlib.suppress(RefusedError, ValueError, KeyError, TypeError, binascii.Error):
        if name == _FORESIGHT:
            return gathering.request_policy({"foresight": True})
        reply = gathering.request_policy({"picture": name.removeprefix("camera ")})
        return base64.b64decode(reply["jpeg"], validate=True)
    return None
