"""The robot file: which arm, cameras and policy make up one robot, and the limits it must keep. One TOML per robot, no includes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from interfaces.toml_loader import load_toml, require

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class JointConfig:
    """One joint: its motor on the bus, how encoder ticks become radians, and the limits of its motion."""

    name: str
    servo_id: int
    home_ticks: int  # encoder reading at 0 rad
    direction: int  # +1 or -1: sign of radians against ticks
    position_min_rad: float
    position_max_rad: float
    velocity_max_rad_s: float
    acceleration_max_rad_s2: float
    jerk_max_rad_s3: float
    effort_max_ratio: float  # of the motor's maximum torque, written into the motor at start
    effort_fault_ratio: float  # the motor pushing harder than this for long is a fault; 1 where it may push for ever
    rest_rad: float  # pose of this joint when the robot rests

    def __post_init__(self) -> None:
        """Check the joint's values against each other."""
        require(bool(self.name), "name", self.name, "a name")
        require(0 <= self.servo_id <= 253, "servo_id", self.servo_id, "0..253")
        require(self.direction in {-1, 1}, "direction", self.direction, "1 or -1")
        low, high = self.position_min_rad, self.position_max_rad
        require(low < high, "position_max_rad", high, f"more than position_min_rad, {low}")
        require(low <= self.rest_rad <= high, "rest_rad", self.rest_rad, f"{low} to {high}, the limits of the joint")
        for key in ("velocity_max_rad_s", "acceleration_max_rad_s2", "jerk_max_rad_s3"):
            require(0 < getattr(self, key) < math.inf, key, getattr(self, key), "more than 0")
        for key in ("effort_max_ratio", "effort_fault_ratio"):
            require(0 < getattr(self, key) <= 1, key, getattr(self, key), "more than 0, at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmConfig:
    """The arm: the bus it hangs on, the rate it is commanded at, and its joints in the order that every message uses."""

    driver: Literal["feetech"]
    port: str  # device file of the serial adapter
    baud_hz: int
    rate_hz: float
    temperature_max_degc: float
    voltage_min_v: float
    limit_patience_ms: float  # too hot, too weak a supply or too hard a push for so long is a fault
    joints: tuple[JointConfig, ...]

    def __post_init__(self) -> None:
        """Check the joints against each other."""
        require(0 < self.rate_hz <= 1000, "rate_hz", self.rate_hz, "more than 0, at most 1000")
        require(self.baud_hz > 0, "baud_hz", self.baud_hz, "more than 0")
        require(self.limit_patience_ms >= 0, "limit_patience_ms", self.limit_patience_ms, "0 or more")
        require(0 < len(self.joints) <= 16, "joints", len(self.joints), "1 to 16 joints")
        for key in ("name", "servo_id"):
            values = [getattr(joint, key) for joint in self.joints]
            require(len(set(values)) == len(values), f"joints.{key}", values, "each one different")

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Return the names of the joints, in order."""
        return tuple(joint.name for joint in self.joints)

    @property
    def period_ns(self) -> int:
        """Return the length of one command period."""
        return round(1e9 / self.rate_hz)

    def vector(self, key: str) -> NDArray[np.float64]:
        """Return one value of every joint, (joint,), by the name of its key in the robot file."""
        return np.array([getattr(joint, key) for joint in self.joints], np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig:
    """One camera and the stream asked of it."""

    name: str
    driver: Literal["realsense", "simulated"]
    serial: str  # of the camera; empty takes the only one there is
    width_px: int
    height_px: int
    rate_hz: int
    depth: bool
    latency_ms: float  # from mid exposure to arrival, used where the camera's clock cannot be mapped
    stale_ms: float  # no frame for so long is a fault of the camera
    frozen_ms: float  # the very same picture for so long is a fault of the camera; 0 does not look

    def __post_init__(self) -> None:
        """Check the stream's numbers."""
        for key in ("width_px", "height_px", "rate_hz"):
            require(getattr(self, key) > 0, key, getattr(self, key), "more than 0")
        require(self.latency_ms >= 0, "latency_ms", self.latency_ms, "0 or more")
        require(self.stale_ms > 0, "stale_ms", self.stale_ms, "more than 0")
        require(self.frozen_ms >= 0, "frozen_ms", self.frozen_ms, "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """Which bundle acts, how often its two graphs run, and how old their results may get."""

    bundle: str  # folder, relative to the robot file
    foresight_rate_hz: float
    action_rate_hz: float
    foresight_age_max_ms: float  # older: no chunk is made
    chunk_age_max_ms: float  # joint state behind the chunk older: the arm holds
    joints_age_max_ms: float  # measured joints older: the arm holds
    actuation_latency_ms: float  # from a command to the motion it causes; rows are taken so much ahead
    seam_blend_ms: float  # a new chunk takes over gradually, over so long
    threads: int  # of the inference engine, per graph

    def __post_init__(self) -> None:
        """Check rates and limits."""
        for key in ("foresight_rate_hz", "action_rate_hz", "threads"):
            require(getattr(self, key) > 0, key, getattr(self, key), "more than 0")
        for key in ("foresight_age_max_ms", "chunk_age_max_ms", "joints_age_max_ms"):
            require(getattr(self, key) > 0, key, getattr(self, key), "more than 0")
        for key in ("actuation_latency_ms", "seam_blend_ms"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeConfig:
    """Where the processes meet, and what the command process asks of the operating system."""

    command_socket: str  # relative paths are taken from the processes' working directory
    control_socket: str  # of the policy process: which instruction to follow
    operator_socket: str  # of the command process: a person stops the arm, or clears a fault
    realtime: Literal["required", "preferred", "off"]  # SCHED_FIFO and locked memory for the command process
    realtime_priority: int
    command_cpu: int | None  # pin the command process to this core
    bus_error_budget: int  # failed cycles in a row before the bus counts as lost
    stall_max_ms: float  # a loop that stood still for longer (suspended, stopped) holds before it goes on
    estop_pipe: str  # a named pipe: any byte in it is an emergency stop; empty where there is none
    estop_gpio: str  # a line that is high while all is well, as "/dev/gpiochip0:106"; empty where there is none

    def __post_init__(self) -> None:
        """Check priority and budget."""
        require(1 <= self.realtime_priority <= 90, "realtime_priority", self.realtime_priority, "1..90")
        require(self.bus_error_budget > 0, "bus_error_budget", self.bus_error_budget, "more than 0")
        require(self.stall_max_ms > 0, "stall_max_ms", self.stall_max_ms, "more than 0")
        gpio_line = self.estop_gpio.rpartition(":")
        well_formed = not self.estop_gpio or (gpio_line[0].startswith("/dev/") and gpio_line[2].isdecimal())
        require(well_formed, "estop_gpio", self.estop_gpio, 'a chip and a line, as "/dev/gpiochip0:106", or nothing')


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordConfig:
    """What the recorder process keeps, and where."""

    folder: str  # relative paths are taken from the processes' working directory
    socket: str
    size_max_mb: float  # of all files together; the oldest go first
    segment_mb: float  # a file this large is closed, and the next begun
    image_rate_hz: float  # pictures kept a second, per camera
    image_format: Literal[
        "jpeg", "png"
    ]  # png keeps every bit, for a replay of the inference, and takes ten times the room

    def __post_init__(self) -> None:
        """Check sizes and rate."""
        require(self.segment_mb > 0, "segment_mb", self.segment_mb, "more than 0")
        more = f"at least twice segment_mb, {self.segment_mb}"
        require(self.size_max_mb >= 2 * self.segment_mb, "size_max_mb", self.size_max_mb, more)
        require(self.image_rate_hz >= 0, "image_rate_hz", self.image_rate_hz, "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotConfig:
    """Everything the runtime is told about one robot."""

    format: int
    name: str
    arm: ArmConfig
    cameras: tuple[CameraConfig, ...]
    policy: PolicyConfig
    runtime: RuntimeConfig
    record: RecordConfig

    def __post_init__(self) -> None:
        """Check the file's format and the cameras' names."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        names = [camera.name for camera in self.cameras]
        require(0 < len(names) == len(set(names)), "cameras.name", names, "at least one camera, each name different")


def load_robot(path: Path) -> RobotConfig:
    """Return the robot in the file at `path`; raises ConfigError naming file, key, value and expectation."""
    return load_toml(path, RobotConfig)
