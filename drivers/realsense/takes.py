"""Recordings of a RealSense, made and played through the driver: what the camera gave, bit by bit, as often as one likes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from drivers.realsense.camera import RealSenseCamera
from drivers.realsense.facts import RealSenseFacts
from drivers.realsense.source import Recording, Source
from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceLostError
from interfaces.messages import Frame

_PATIENCE_MS = 30_000.0  # a file on a slow disk is not a camera that hangs
_READ_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """What was recorded, or played."""

    frames: int
    lost: int  # gaps in the camera's numbering
    digest: str  # sha256 of every picture and depth, in order: the same for the same frames
    facts: RealSenseFacts | None  # None where there was no frame


def record(config: CameraConfig, path: Path, duration_s: float, source: Source | None = None) -> Take:
    """Record the camera of `config` into the .db3 file `path`, made anew, for so long; return what the driver gave meanwhile.

    The file holds every frame the camera sent, also those that came faster than they were read. Raises RefusedError for a file that
    cannot be made, and DeviceError as the driver does.
    """
    camera = RealSenseCamera(config, source, record_to=path)
    try:
        camera.open()
        return _counted(camera, _until(camera, time.monotonic_ns() + round(duration_s * 1e9)))
    finally:
        camera.close()


def play(config: CameraConfig, path: Path) -> Take:
    """Play a recording to its end, each frame as soon as the one before it was read; raises DeviceError as the driver does."""
    source = Recording(path, real_time=False)
    camera = RealSenseCamera(replace(config, stale_ms=_PATIENCE_MS), source)
    try:
        camera.open()
        return _counted(camera, _to_the_end(camera, source))
    finally:
        camera.close()


def _until(camera: RealSenseCamera, t_end_ns: int) -> Iterator[Frame]:
    while time.monotonic_ns() < t_end_ns:
        frame = camera.read(_READ_S)
        if frame is not None:
            yield frame


def _to_the_end(camera: RealSenseCamera, source: Recording) -> Iterator[Frame]:
    while True:
        try:
            frame = camera.read(_READ_S)
        except DeviceLostError:
            if source.ended():
                return
            raise
        if frame is not None:
            yield frame


def _counted(camera: RealSenseCamera, frames: Iterable[Frame]) -> Take:
    count, digest = 0, hashlib.sha256()
    for frame in frames:
        count += 1
        digest.update(frame.rgb.tobytes())
        if frame.depth_mm is not None:
            digest.update(frame.depth_mm.tobytes())
    return Take(frames=count, lost=camera.health().lost, digest=digest.hexdigest(), facts=camera.details)
