"""The robot file: which arm, cameras and policy make up one robot, and the limits it must keep. One TOML per robot, no includes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from interfaces.arm_config import AnyArmConfig
from interfaces.calibration_config import CalibrationConfig
from interfaces.camera_config import CameraConfig
from interfaces.chain_config import ChainConfig
from interfaces.toml_loader import load_toml, require

FORMAT = 1


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
    pair_tolerance_ms: float | None = None  # frames of several cameras are one set when taken at most so far apart
    inference: Literal["auto", "tensorrt", "fp32", "fp16", "cpu-int8"] = "auto"  # docs/export.md, "On the robot"
    follow: str | None = (
        None  # instruction followed from the start: the robot then acts by itself; without, it waits to be told
    )

    def __post_init__(self) -> None:
        """Check rates and limits."""
        for key in ("foresight_rate_hz", "action_rate_hz", "threads"):
            require(getattr(self, key) > 0, key, getattr(self, key), "more than 0")
        for key in ("foresight_age_max_ms", "chunk_age_max_ms", "joints_age_max_ms"):
            require(getattr(self, key) > 0, key, getattr(self, key), "more than 0")
        for key in ("actuation_latency_ms", "seam_blend_ms", "pair_tolerance_ms"):
            require((getattr(self, key) or 0) >= 0, key, getattr(self, key), "0 or more")


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
    on_stop: Literal["hold", "release"] = "hold"  # asked to end, and at rest: torque stays on, or is switched off

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
    arm: AnyArmConfig
    cameras: tuple[CameraConfig, ...]
    policy: PolicyConfig
    runtime: RuntimeConfig
    record: RecordConfig
    calibration: CalibrationConfig | None = None
    chain: ChainConfig | None = None

    def __post_init__(self) -> None:
        """Check the file's format, the cameras' names, and that the chain knows the arm's joints."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        names = [camera.name for camera in self.cameras]
        require(0 < len(names) == len(set(names)), "cameras.name", names, "at least one camera, each name different")
        for link in self.chain.links if self.chain else ():
            known = link.joint in self.arm.joint_names
            require(known, "chain.links.joint", link.joint, f"one of {', '.join(self.arm.joint_names)}")


def load_robot(path: Path) -> RobotConfig:
    """Return the robot in the file at `path`; raises ConfigError naming file, key, value and expectation."""
    return load_toml(path, RobotConfig)
