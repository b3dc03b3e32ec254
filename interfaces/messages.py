"""What flows through forerun: frames, foresight, action chunks, joint states and joint commands.

All instants are `time.monotonic_ns()` of this machine (`t_<event>_ns`), all quantities SI, all joints in the order of the
robot file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]  # (height, width, 3)
DepthMm = NDArray[np.uint16]  # (height, width), 0 where unknown
JointVector = NDArray[np.float64]  # (joint,)
JointRows = NDArray[np.float64]  # (row, joint)
ContextTokens = NDArray[np.float32]  # (token, feature)


class CommandState(IntEnum):
    """What the command process is doing; the table of transitions is runtime/command/state_machine.py."""

    BOOT = 0
    READY = 1
    FOLLOWING = 2
    HOLDING = 3
    FAULT = 4
    ESTOP = 5


class StageInputKind(IntEnum):
    """What the command stage may be told between two commands."""

    BEGIN = 1  # the pose was measured for the first time, torque holds it
    BUS_LOST = 2
    BUS_BACK = 3  # the bus is open again, torque holds the measured pose
    POLICY_GONE = 4
    CHUNK = 5
    ESTOP = 6
    CLEAR = 7  # a person looked, and finds going on safe
    STALLED = 8  # the loop itself stood still: suspended, stopped by a debugger, starved


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of one camera, in memory of our own."""

    camera: str
    number: int  # counted by the camera; a gap means frames were lost
    t_capture_ns: int  # mid exposure, mapped onto the monotonic clock
    t_arrival_ns: int  # when the driver had it
    rgb: Rgb
    depth_mm: DepthMm | None
    earlier: tuple[Frame, ...] = ()  # what the same camera showed before, oldest first, for a policy that looks back


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What the slow network foresees: context tokens, stamped with the frame they come from."""

    sequence: int
    instruction: str
    t_capture_ns: int  # of the frame
    t_done_ns: int
    tokens: ContextTokens
    t_earlier_ns: tuple[int, ...] = ()  # of the earlier frames it saw: by camera, oldest first


@dataclass(frozen=True, slots=True, kw_only=True)
class JointState:
    """Measured joints of the arm at one instant."""

    t_measured_ns: int
    position_rad: JointVector
    velocity_rad_s: JointVector
    effort_ratio: JointVector  # of the motor's maximum torque, signed
    voltage_v: JointVector  # NaN where the motor does not tell
    temperature_degc: JointVector  # the same


@dataclass(frozen=True, slots=True, kw_only=True)
class JointCommand:
    """Joint targets that go to the motors in one command period."""

    t_command_ns: int
    position_rad: JointVector
    state: CommandState
    chunk_sequence: int  # of the chunk behind it; 0 where none
    frame_age_ns: int  # of the frame behind it; -1 where none


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionChunk:
    """Joint targets over the near future; row k is due at `t_first_ns + k * step_ns`."""

    sequence: int
    t_capture_ns: int  # of the frame behind the foresight; 0 for a chunk that no frame stands behind (going to rest)
    t_state_ns: int  # of the joint state it was made from
    t_first_ns: int
    step_ns: int
    foresight_age_ns: int  # at the joint state's instant
    position_rad: JointRows  # (horizon, joint)

    @property
    def t_last_ns(self) -> int:
        """Return the instant of the last row, after which the chunk says nothing."""
        return self.t_first_ns + (len(self.position_rad) - 1) * self.step_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class StageInput:
    """One thing the command stage is told; all of them, with the joints of each period, make its decisions again (replay)."""

    kind: StageInputKind
    t_ns: int
    why: str = ""
    chunk_sequence: int = 0  # for CHUNK
    chunk: ActionChunk | None = None  # for CHUNK; not part of a recorded cycle, where the sequence names it
