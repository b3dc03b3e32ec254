"""The streams a RealSense offers, and whether what is asked for is among them: known before a pipeline is started.

librealsense says only "Couldn't resolve requests" where a size or rate does not exist, and that after seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pyrealsense2 as rs

from interfaces.camera_config import CameraConfig
from interfaces.errors import DeviceError

_SHOWN_MAX = 6  # profiles in a message; a D435 has about fifty


class Profile(NamedTuple):
    """One size and rate of a stream."""

    width_px: int
    height_px: int
    rate_hz: int

    def shown(self) -> str:
        """Return it in a few words."""
        return f"{self.width_px}x{self.height_px} at {self.rate_hz} Hz"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedStreams:
    """What a device can stream, in the formats that the driver asks for."""

    colour: frozenset[Profile]  # rgb8
    depth: frozenset[Profile]  # z16


def offered_streams(device: rs.device) -> OfferedStreams:
    """Return what any of the device's sensors offers: a D405's colour comes from its depth module."""
    offered: dict[object, set[Profile]] = {rs.stream.color: set(), rs.stream.depth: set()}
    formats = {rs.stream.color: rs.format.rgb8, rs.stream.depth: rs.format.z16}
    for sensor in device.query_sensors():
        for profile in sensor.get_stream_profiles():
            kind = profile.stream_type()
            if kind in formats and profile.format() == formats[kind]:
                video = profile.as_video_stream_profile()
                offered[kind].add(Profile(video.width(), video.height(), video.fps()))
    return OfferedStreams(colour=frozenset(offered[rs.stream.color]), depth=frozenset(offered[rs.stream.depth]))


def check_offered(asked: CameraConfig, offered: OfferedStreams) -> None:
    """Raise DeviceError where a stream asked for is not offered, naming those that are, the nearest first."""
    streams = [("colour", Profile(asked.width_px, asked.height_px, asked.rate_hz), offered.colour)]
    if asked.depth:
        streams.append(("depth", Profile(*asked.depth_size_px, asked.rate_hz), offered.depth))
    for kind, wanted, there in streams:
        if wanted not in there:
            raise DeviceError(f"does not offer {kind} {wanted.shown()}; {_shown_nearest(kind, wanted, there)}")


def nearest_first(wanted: Profile, there: frozenset[Profile]) -> list[Profile]:
    """Return the profiles by their distance from `wanted`: a size of other proportions or another area counts before the rate."""

    def distance(profile: Profile) -> tuple[float, float]:
        width_ratio, height_ratio = profile.width_px / wanted.width_px, profile.height_px / wanted.height_px
        size = sum(max(ratio, 1 / ratio) for ratio in (width_ratio, height_ratio))
        return size, abs(profile.rate_hz - wanted.rate_hz)

    return sorted(there, key=lambda profile: (distance(profile), profile))


def _shown_nearest(kind: str, wanted: Profile, there: frozenset[Profile]) -> str:
    if not there:
        return f"it has no {kind} stream"
    nearest = nearest_first(wanted, there)
    more = f" and {len(nearest) - _SHOWN_MAX} more" if len(nearest) > _SHOWN_MAX else ""
    return "it offers " + ", ".join(profile.shown() for profile in nearest[:_SHOWN_MAX]) + more
