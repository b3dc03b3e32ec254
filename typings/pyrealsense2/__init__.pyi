# The part of librealsense's Python interface that forerun uses: the wheel, a compiled module, carries no types of its own.
# ruff: noqa: A001, A002 - the names are librealsense's
# Enumerations are plain classes here, as pybind11 makes them. pyright looks for stubs in typings/; the running program does not.

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import overload

import numpy as np
from numpy.typing import NDArray

class stream:
    depth: stream
    color: stream

class format:
    rgb8: format
    z16: format

class timestamp_domain:
    hardware_clock: timestamp_domain
    system_time: timestamp_domain
    global_time: timestamp_domain

class camera_info:
    name: camera_info
    serial_number: camera_info
    product_line: camera_info
    product_id: camera_info
    firmware_version: camera_info
    physical_port: camera_info
    usb_type_descriptor: camera_info

class option:
    depth_units: option

class matchers:
    dlr_c: matchers

class distortion:
    none: distortion
    inverse_brown_conrady: distortion

class playback_status:
    playing: playback_status
    stopped: playback_status

class frame_metadata_value:
    actual_fps: frame_metadata_value
    frame_timestamp: frame_metadata_value
    sensor_timestamp: frame_metadata_value
    time_of_arrival: frame_metadata_value

class intrinsics:
    width: int
    height: int
    fx: float
    fy: float
    ppx: float
    ppy: float
    model: distortion
    coeffs: Sequence[float]

class extrinsics:
    rotation: Sequence[float]
    translation: Sequence[float]

class stream_profile:
    def as_video_stream_profile(self) -> video_stream_profile: ...
    def get_extrinsics_to(self, to: stream_profile) -> extrinsics: ...
    def register_extrinsics_to(self, to: stream_profile, extrinsics: extrinsics) -> None: ...

class video_stream_profile(stream_profile):
    def get_intrinsics(self) -> intrinsics: ...

class video_stream:
    type: stream
    index: int
    uid: int
    width: int
    height: int
    fps: int
    bpp: int
    fmt: format
    intrinsics: intrinsics

class frame:
    def __bool__(self) -> bool: ...
    def get_data(self) -> object: ...
    def get_frame_number(self) -> int: ...
    def get_timestamp(self) -> float: ...
    def get_frame_timestamp_domain(self) -> timestamp_domain: ...
    def supports_frame_metadata(self, value: frame_metadata_value) -> bool: ...
    def get_frame_metadata(self, value: frame_metadata_value) -> int: ...
    def as_frameset(self) -> composite_frame: ...

class video_frame(frame): ...

class depth_frame(video_frame):
    def get_units(self) -> float: ...

class composite_frame(frame):
    def get_color_frame(self) -> video_frame: ...
    def get_depth_frame(self) -> depth_frame: ...

class software_video_frame:
    pixels: NDArray[np.uint8]
    stride: int
    bpp: int
    timestamp: float
    domain: timestamp_domain
    frame_number: int
    profile: video_stream_profile
    depth_units: float

class device:
    def get_info(self, info: camera_info) -> str: ...
    def supports(self, info: camera_info) -> bool: ...
    def as_playback(self) -> playback: ...

class playback(device):
    def set_real_time(self, real_time: bool) -> None: ...
    def current_status(self) -> playback_status: ...
    def get_duration(self) -> timedelta: ...

class recorder(device):
    def __init__(self, file_name: str, device: device) -> None: ...

class software_sensor:
    def add_video_stream(self, video_stream: video_stream, is_default: bool = False) -> stream_profile: ...
    def add_read_only_option(self, option: option, value: float) -> None: ...
    def set_metadata(self, value: frame_metadata_value, type: int) -> None: ...
    def on_video_frame(self, frame: software_video_frame) -> None: ...

class software_device(device):
    def __init__(self) -> None: ...
    def add_sensor(self, name: str) -> software_sensor: ...
    def register_info(self, info: camera_info, value: str) -> None: ...
    def create_matcher(self, matcher: matchers) -> None: ...

class frame_queue:
    def __init__(self, capacity: int, keep_frames: bool = False) -> None: ...
    def try_wait_for_frame(self, timeout_ms: int = 5000) -> tuple[bool, frame]: ...

class device_list:
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[device]: ...

class context:
    def __init__(self) -> None: ...
    def query_devices(self) -> device_list: ...

class pipeline_wrapper:
    def __init__(self, pipeline: pipeline) -> None: ...

class pipeline_profile:
    def get_device(self) -> device: ...
    def get_stream(self, stream_type: stream) -> stream_profile: ...

class config:
    def __init__(self) -> None: ...
    def enable_stream(self, stream_type: stream, width: int, height: int, format: format, framerate: int) -> None: ...
    def enable_device(self, serial: str) -> None: ...
    def enable_device_from_file(self, file_name: str, repeat_playback: bool = True) -> None: ...
    def resolve(self, pipeline: pipeline_wrapper) -> pipeline_profile: ...

class pipeline:
    def __init__(self) -> None: ...
    def set_device(self, device: device) -> None: ...
    @overload
    def start(self, config: config) -> pipeline_profile: ...
    @overload
    def start(self, config: config, queue: frame_queue) -> pipeline_profile: ...
    def stop(self) -> None: ...
    def try_wait_for_frames(self, timeout_ms: int = 5000) -> tuple[bool, composite_frame]: ...
