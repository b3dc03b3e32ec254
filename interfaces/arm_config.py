"""The part of the robot file about the arm: its bus, its motors, and the limits of its joints.

What every arm has stands in ArmConfig and JointConfig, and the runtime knows nothing else. Each family of motors adds what
its driver must be told; the key `driver` chooses the family.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from interfaces.toml_loader import require


@dataclass(frozen=True, slots=True, kw_only=True)
class JointConfig:
    """One joint: which way it turns against its motor, and the limits of its motion."""

    name: str
    direction: int  # +1 or -1: sign of radians against the motor's own count
    position_min_rad: float
    position_max_rad: float
    velocity_max_rad_s: float
    acceleration_max_rad_s2: float
    jerk_max_rad_s3: float
    effort_max_ratio: float  # of the motor's maximum torque, written into the motor at start
    effort_fault_ratio: float  # the motor pushing harder than this for long is a fault; 1 where it may push for ever
    rest_rad: float  # pose of this joint when the robot rests
    stops_rad: tuple[float, ...] | None = None  # where it meets its stops; () where it has none; absent: at its limits
    positive: str = ""  # which way positive is, for a person beside the arm: "to the right", "opens"

    def __post_init__(self) -> None:
        """Check the joint's values against each other."""
        require(bool(self.name), "name", self.name, "a name")
        require(self.direction in {-1, 1}, "direction", self.direction, "1 or -1")
        low, high = self.position_min_rad, self.position_max_rad
        require(low < high, "position_max_rad", high, f"more than position_min_rad, {low}")
        require(low <= self.rest_rad <= high, "rest_rad", self.rest_rad, f"{low} to {high}, the limits of the joint")
        for key in ("velocity_max_rad_s", "acceleration_max_rad_s2", "jerk_max_rad_s3"):
            require(0 < getattr(self, key) < math.inf, key, getattr(self, key), "more than 0")
        for key in ("effort_max_ratio", "effort_fault_ratio"):
            require(0 < getattr(self, key) <= 1, key, getattr(self, key), "more than 0, at most 1")
        stops = self.stops_rad or (-1.0, 1.0)
        require(len(stops) == 2 and stops[0] < stops[1], "stops_rad", stops, "two angles, the lower first, or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmConfig:
    """The arm: the bus it hangs on, the rate it is commanded at, and its joints in the order that every message uses."""

    driver: str
    port: str  # device file of a serial adapter, or a CAN bus: "can0", "slcan:/dev/ttyACM0"
    baud_hz: int  # bits a second on the wire
    rate_hz: float
    temperature_max_degc: float
    voltage_min_v: float  # 0 where the motors do not tell
    limit_patience_ms: float  # too hot, too weak a supply or too hard a push for so long is a fault
    joints: tuple[JointConfig, ...]

    def __post_init__(self) -> None:
        """Check the joints against each other."""
        require(0 < self.rate_hz <= 1000, "rate_hz", self.rate_hz, "more than 0, at most 1000")
        require(self.baud_hz > 0, "baud_hz", self.baud_hz, "more than 0")
        require(self.limit_patience_ms >= 0, "limit_patience_ms", self.limit_patience_ms, "0 or more")
        require(0 < len(self.joints) <= 16, "joints", len(self.joints), "1 to 16 joints")
        self.require_different("name")

    def require_different(self, key: str) -> None:
        """Check that no two joints have the same value of `key`."""
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
class FeetechJoint(JointConfig):
    """A joint with a Feetech STS or SMS servo."""

    servo_id: int
    home_ticks: float  # reading of the bare encoder at 0 rad

    def __post_init__(self) -> None:
        """Check the id as well."""
        JointConfig.__post_init__(self)
        require(0 <= self.servo_id <= 253, "servo_id", self.servo_id, "0..253")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeetechConfig(ArmConfig):
    """Feetech servos on a serial bus, as in the SO-101."""

    driver: Literal["feetech"]
    joints: tuple[FeetechJoint, ...]

    def __post_init__(self) -> None:
        """Check the ids as well."""
        ArmConfig.__post_init__(self)
        self.require_different("servo_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamixelJoint(JointConfig):
    """A joint with a Dynamixel servo of the X series."""

    servo_id: int
    home_ticks: float  # present position at 0 rad, the servo's homing offset being 0

    def __post_init__(self) -> None:
        """Check the id as well."""
        JointConfig.__post_init__(self)
        require(0 <= self.servo_id <= 252, "servo_id", self.servo_id, "0..252")


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamixelConfig(ArmConfig):
    """Dynamixel servos on a serial bus, protocol 2.0, as in Koch and ViperX."""

    driver: Literal["dynamixel"]
    motor_timeout_ms: float  # a servo that hears nothing for so long stops by itself; 0 never
    joints: tuple[DynamixelJoint, ...]

    def __post_init__(self) -> None:
        """Check ids and time-out as well."""
        ArmConfig.__post_init__(self)
        self.require_different("servo_id")
        # The servo counts in steps of 20 ms, up to 127; shorter than a few periods, one lost packet would stop the arm.
        shortest_ms, timeout_ms = 3e-6 * self.period_ns, self.motor_timeout_ms
        fits = timeout_ms == 0 or shortest_ms <= timeout_ms <= 2540
        require(fits, "motor_timeout_ms", timeout_ms, f"0, or {shortest_ms:g} (3 periods) to 2540")


@dataclass(frozen=True, slots=True, kw_only=True)
class DamiaoJoint(JointConfig):
    """A joint with a Damiao motor in MIT mode: a spring and a damper around the target."""

    model: Literal["DM4310", "DM4340", "DM6006", "DM8006", "DM8009", "DM10010"]
    motor_id: int  # CAN id it listens to
    feedback_id: int  # CAN id it answers with
    zero_rad: float  # the motor's own reading at 0 rad
    stiffness_nm_rad: float  # kp
    damping_nm_s_rad: float  # kd
    integral_time_s: float | None = (
        None  # a joint that sags pushes harder until it does not, over so long; absent: it sags
    )

    def __post_init__(self) -> None:
        """Check ids and gains as well."""
        JointConfig.__post_init__(self)
        for key in ("motor_id", "feedback_id"):
            require(0 < getattr(self, key) < 0x100, key, getattr(self, key), "1..255")
        require(0 < self.stiffness_nm_rad <= 500, "stiffness_nm_rad", self.stiffness_nm_rad, "more than 0, at most 500")
        # Without damping a spring rings for ever: the maker warns of it.
        require(0 < self.damping_nm_s_rad <= 5, "damping_nm_s_rad", self.damping_nm_s_rad, "more than 0, at most 5")
        time_s = self.integral_time_s
        require(time_s is None or 0 < time_s < math.inf, "integral_time_s", time_s, "more than 0, or absent")


@dataclass(frozen=True, slots=True, kw_only=True)
class DamiaoConfig(ArmConfig):
    """Damiao motors on CAN, as in the YAM."""

    driver: Literal["damiao"]
    motor_timeout_ms: float  # a motor that hears nothing for so long lets go by itself; 0 never
    joints: tuple[DamiaoJoint, ...]

    def __post_init__(self) -> None:
        """Check ids and time-out as well."""
        ArmConfig.__post_init__(self)
        ids = [joint.motor_id for joint in self.joints] + [joint.feedback_id for joint in self.joints]
        require(len(set(ids)) == len(ids), "joints.motor_id, joints.feedback_id", ids, "each one different")
        _check_timeout(self.motor_timeout_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cia402Joint(JointConfig):
    """A joint with a CANopen drive, profile CiA 402, in cyclic synchronous position mode."""

    node_id: int
    counts_per_turn: float  # the drive's position counts a turn of the joint, its gear included
    home_counts: int  # the drive's position at 0 rad

    def __post_init__(self) -> None:
        """Check node and counts as well."""
        JointConfig.__post_init__(self)
        require(1 <= self.node_id <= 127, "node_id", self.node_id, "1..127")
        require(self.counts_per_turn > 0, "counts_per_turn", self.counts_per_turn, "more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cia402Config(ArmConfig):
    """CANopen drives on CAN."""

    driver: Literal["cia402"]
    motor_timeout_ms: float  # a drive that hears no heartbeat of ours for so long stops by itself; 0 never
    joints: tuple[Cia402Joint, ...]

    def __post_init__(self) -> None:
        """Check nodes and time-out as well."""
        ArmConfig.__post_init__(self)
        self.require_different("node_id")
        _check_timeout(self.motor_timeout_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class OdriveJoint(JointConfig):
    """A joint with an axis of an ODrive."""

    node_id: int
    turns_per_turn: float  # turns of the motor a turn of the joint: the gear
    home_turns: float  # the motor's position at 0 rad
    torque_max_nm: float  # of the motor, what effort is a ratio of
    torque_constant_nm_a: float  # as in the axis: CANSimple limits and tells currents, not torques

    def __post_init__(self) -> None:
        """Check node, gear and motor as well."""
        JointConfig.__post_init__(self)
        require(0 <= self.node_id <= 62, "node_id", self.node_id, "0..62")
        for key in ("turns_per_turn", "torque_max_nm", "torque_constant_nm_a"):
            require(getattr(self, key) > 0, key, getattr(self, key), "more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class OdriveConfig(ArmConfig):
    """ODrive axes on CAN, protocol CANSimple. The watchdog is set with the maker's own tool: CANSimple cannot."""

    driver: Literal["odrive"]
    joints: tuple[OdriveJoint, ...]

    def __post_init__(self) -> None:
        """Check nodes as well."""
        ArmConfig.__post_init__(self)
        self.require_different("node_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class RobstrideJoint(JointConfig):
    """A joint with a RobStride motor: a spring and a damper around the target."""

    model: Literal["RS00", "RS01", "RS02", "RS03", "RS04", "RS05", "RS06"]
    motor_id: int
    zero_rad: float  # the motor's own reading at 0 rad
    stiffness_nm_rad: float
    damping_nm_s_rad: float

    def __post_init__(self) -> None:
        """Check id and gains as well."""
        JointConfig.__post_init__(self)
        require(0 < self.motor_id < 0x80, "motor_id", self.motor_id, "1..127")
        stiffest, most = (5000, 100) if self.model in {"RS03", "RS04", "RS06"} else (500, 5)
        for key, limit in (("stiffness_nm_rad", stiffest), ("damping_nm_s_rad", most)):
            require(0 < getattr(self, key) <= limit, key, getattr(self, key), f"more than 0, at most {limit}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RobstrideConfig(ArmConfig):
    """RobStride motors on CAN."""

    driver: Literal["robstride"]
    motor_timeout_ms: float  # a motor that hears nothing for so long lets go by itself; 0 never
    joints: tuple[RobstrideJoint, ...]

    def __post_init__(self) -> None:
        """Check ids and time-out as well."""
        ArmConfig.__post_init__(self)
        self.require_different("motor_id")
        _check_timeout(self.motor_timeout_ms)


AnyArmConfig = (
    FeetechConfig | DynamixelConfig | DamiaoConfig | Cia402Config | OdriveConfig | RobstrideConfig
)  # chosen by `driver`


def _check_timeout(motor_timeout_ms: float) -> None:
    require(motor_timeout_ms >= 0, "motor_timeout_ms", motor_timeout_ms, "0 or more")
