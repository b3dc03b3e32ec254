"""The command stage: from action chunks and measured joints to one joint command a period. Pure: every call takes the time.

State machine (what may be done), follower (where the chunk wants the arm), gate (where the arm may go), in this order.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from interfaces.errors import RefusedError
from interfaces.flight import CommandCycle
from interfaces.messages import (
    ActionChunk,
    CommandState,
    JointCommand,
    JointState,
    JointVector,
    StageInput,
    StageInputKind,
)
from interfaces.robot_config import RobotConfig
from runtime.command.chunk import Anchor, ChunkFollower
from runtime.command.gate import Gate, GateStep
from runtime.command.limit_watch import LimitWatch
from runtime.command.state_machine import Event, next_state

T = TypeVar("T")

_POSE_MAX_RAD = 1000.0  # what lies beyond is no angle of a joint, but a fault of a network; smaller targets are clipped


class CommandStage:
    """Decides each period what the motors are told; the policy proposes by chunks, and may be wrong, late or dead."""

    def __init__(self, config: RobotConfig) -> None:
        policy = config.policy
        self._arm = config.arm
        self._limits = LimitWatch(config.arm)
        self._joints_age_max_ns = round(policy.joints_age_max_ms * 1e6)
        self._foresight_age_max_ns = round(policy.foresight_age_max_ms * 1e6)
        self._latency_ns = round(policy.actuation_latency_ms * 1e6)
        self._age_max_ns = round(policy.chunk_age_max_ms * 1e6)
        self._blend_ns = round(policy.seam_blend_ms * 1e6)
        self._follower = self._new_follower()
        self._gate = Gate(config.arm)
        self._state = CommandState.BOOT
        self._why = "start"
        self._t_command_ns: int | None = None
        self._t_measured_ns = 0

    @property
    def state(self) -> CommandState:
        """Return the state, as of the last call."""
        return self._state

    @property
    def why(self) -> str:
        """Return what led to the state, for people."""
        return self._why

    @property
    def chunk(self) -> ActionChunk | None:
        """Return the chunk that is followed, or None."""
        return self._follower.chunk if self._state is CommandState.FOLLOWING else None

    @property
    def commanded_rad(self) -> JointVector:
        """Return the last joint targets, (joint,)."""
        return self._gate.position_rad

    @property
    def commanded_rad_s(self) -> JointVector:
        """Return the velocity of the last command, (joint,)."""
        return self._gate.velocity_rad_s

    @property
    def commanded_rad_s2(self) -> JointVector:
        """Return the acceleration of the last command, (joint,)."""
        return self._gate.acceleration_rad_s2

    @property
    def at_rest(self) -> bool:
        """Return whether the last command did not move the arm."""
        return self._gate.at_rest

    def take(self, told: StageInput, joints: JointState | None = None) -> None:
        """Take what happened between two commands, as it was recorded or as it is recorded now.

        BEGIN and BUS_BACK need the measured joints, CHUNK its chunk; raises RefusedError where they lack, or like `begin`.
        """
        for_a_reason = {
            StageInputKind.BUS_LOST: self.bus_lost,
            StageInputKind.POLICY_GONE: self.policy_gone,
            StageInputKind.STALLED: self.stalled,
            StageInputKind.ESTOP: self.estop,
        }
        if told.kind in for_a_reason:
            for_a_reason[told.kind](told.why)
        elif told.kind is StageInputKind.CLEAR:
            self.clear(told.t_ns)
        elif told.kind is StageInputKind.CHUNK:
            self.adopt(_there(told.chunk, told.kind), told.t_ns)
        else:
            armed = self.begin if told.kind is StageInputKind.BEGIN else self.bus_back
            armed(_there(joints, told.kind), told.t_ns)

    def resume(self, cycle: CommandCycle) -> None:
        """Go on from where a recorded cycle ended; the chunk then followed is not known, the next one is."""
        self._gate.resume(cycle.commanded_rad, cycle.commanded_rad_s, cycle.commanded_rad_s2)
        self._follower = self._new_follower()
        self._state, self._why = cycle.state, cycle.why
        self._t_command_ns = self._t_measured_ns = cycle.t_command_ns or cycle.t_woke_ns
        self._limits.restart(self._t_command_ns)

    def begin(self, joints: JointState, t_now_ns: int) -> None:
        """Arm: torque holds the measured joints, and from there commands start; raises RefusedError for an impossible pose."""
        self._start_from(joints, t_now_ns)
        self._happened(Event.ARMED, "armed at the measured pose")

    def bus_lost(self, fault: str) -> None:
        """Say that the arm can be neither read nor commanded."""
        self._happened(Event.BUS_LOST, fault)
        if self._state in {CommandState.BOOT, CommandState.FAULT}:
            self._why = fault  # it may have changed, and people want to know what keeps the arm

    def bus_back(self, joints: JointState, t_now_ns: int) -> None:
        """Hold the measured joints, wherever the arm sank to while it was alone; raises RefusedError like begin.

        The fault stays until a person clears it.
        """
        self._start_from(joints, t_now_ns)
        if self._state is CommandState.FAULT:
            self._why = "the bus is back, and the arm holds the measured pose until the fault is cleared"

    def policy_gone(self, why: str = "the policy is gone") -> None:
        """Hold, because nobody will send the next chunk."""
        self._happened(Event.POLICY_GONE, why)

    def stalled(self, why: str) -> None:
        """Hold, because this loop stood still and does not know for what."""
        self._happened(Event.STALLED, why)

    def estop(self, why: str) -> None:
        """Decelerate to rest and stay there until a person clears it."""
        self._happened(Event.ESTOP, why)

    def clear(self, t_now_ns: int) -> None:
        """Say that a person looked at the fault or the stop, and finds going on safe."""
        self._limits.restart(t_now_ns)
        self._happened(Event.CLEARED, "cleared")

    def adopt(self, chunk: ActionChunk, t_now_ns: int) -> None:
        """Follow a chunk from now on, if it is newer than those before and may be followed; otherwise hold."""
        if not self._follower.is_newer(chunk):
            return
        objection = self._objection(chunk, t_now_ns)
        if objection is not None:
            self._happened(Event.CHUNK_INVALID, objection)
            return
        self._follower.adopt(chunk, self._anchor(t_now_ns))
        stale = self._follower.why_stale(t_now_ns) or self._stale_joints(t_now_ns)
        if stale is None:
            self._happened(Event.CHUNK_FRESH, f"chunk {chunk.sequence}")
        else:
            self._happened(Event.CHUNK_STALE, stale)

    def command(self, joints: JointState, t_now_ns: int) -> JointCommand:
        """Return what to tell the motors in this period; raises RefusedError before the pose was ever measured."""
        if self._t_command_ns is None:
            raise RefusedError("no command before the pose is measured")
        self._t_measured_ns = joints.t_measured_ns
        self._check(joints, t_now_ns)
        step = self._step(t_now_ns)
        self._t_command_ns = t_now_ns
        chunk = self.chunk
        return JointCommand(
            t_command_ns=t_now_ns,
            position_rad=step.position_rad,
            state=self._state,
            chunk_sequence=0 if chunk is None else chunk.sequence,
            frame_age_ns=-1 if chunk is None or chunk.t_capture_ns == 0 else t_now_ns - chunk.t_capture_ns,
        )

    def _step(self, t_now_ns: int) -> GateStep:
        if self._state is not CommandState.FOLLOWING:
            return self._gate.hold()
        ahead = [self._follower.motion(t_now_ns, ahead_ns) for ahead_ns in self._gate.look_ahead_ns]
        known = [motion for motion in ahead if motion is not None]
        return self._gate.follow(known[0].position_rad, known) if known else self._gate.hold()

    def _new_follower(self) -> ChunkFollower:
        return ChunkFollower(latency_ns=self._latency_ns, age_max_ns=self._age_max_ns, blend_ns=self._blend_ns)

    def _start_from(self, joints: JointState, t_now_ns: int) -> None:
        self._gate.begin(joints.position_rad)
        self._t_command_ns, self._t_measured_ns = t_now_ns, joints.t_measured_ns
        self._limits.restart(t_now_ns)

    def _happened(self, event: Event, why: str) -> None:
        state = next_state(self._state, event)
        if state is not self._state:
            self._state, self._why = state, why

    def _check(self, joints: JointState, t_now_ns: int) -> None:
        """Look for whatever ends or forbids following."""
        if self._t_command_ns is not None and t_now_ns < self._t_command_ns:
            self._happened(Event.CLOCK_WRONG, f"the clock ran {self._t_command_ns - t_now_ns} ns backwards")
        exceeded = self._limits.exceeded(joints, t_now_ns)
        if exceeded is not None:
            self._happened(Event.LIMIT_EXCEEDED, exceeded)
        if self._state is not CommandState.FOLLOWING:
            return
        if (old := self._stale_joints(t_now_ns)) is not None:
            self._happened(Event.JOINTS_STALE, old)
        elif (stale := self._follower.why_stale(t_now_ns)) is not None:
            self._happened(Event.CHUNK_STALE, stale)

    def _stale_joints(self, t_now_ns: int) -> str | None:
        age_ns = t_now_ns - self._t_measured_ns
        if age_ns <= self._joints_age_max_ns:
            return None
        return f"the arm was last measured {age_ns / 1e6:.0f} ms ago, limit {self._joints_age_max_ns / 1e6:.0f} ms"

    def _anchor(self, t_now_ns: int) -> Anchor:
        t_command_ns = t_now_ns if self._t_command_ns is None else self._t_command_ns
        return Anchor(
            t_ns=t_command_ns + self._latency_ns,
            position_rad=self._gate.position_rad,
            velocity_rad_s=self._gate.velocity_rad_s,
            acceleration_rad_s2=self._gate.acceleration_rad_s2,
        )

    def _objection(self, chunk: ActionChunk, t_now_ns: int) -> str | None:
        """Return why the chunk must not be followed, or None."""
        n_joints = chunk.position_rad.shape[1]
        if n_joints != len(self._arm.joints):
            return f"chunk {chunk.sequence} moves {n_joints} joints, the arm has {len(self._arm.joints)}"
        if not np.isfinite(chunk.position_rad).all():
            return f"chunk {chunk.sequence} is not finite"
        if abs(chunk.position_rad).max() > _POSE_MAX_RAD:
            return f"chunk {chunk.sequence} is no pose: {abs(chunk.position_rad).max():.3g} rad"
        if chunk.t_state_ns > t_now_ns:
            return f"chunk {chunk.sequence} knows joints {(chunk.t_state_ns - t_now_ns) / 1e6:.0f} ms in the future"
        if chunk.t_capture_ns != 0 and chunk.foresight_age_ns > self._foresight_age_max_ns:
            age_ms, limit_ms = chunk.foresight_age_ns / 1e6, self._foresight_age_max_ns / 1e6
            return f"chunk {chunk.sequence} builds on foresight {age_ms:.0f} ms old, limit {limit_ms:.0f} ms"
        return None


def _there(value: T | None, kind: StageInputKind) -> T:
    if value is None:
        raise RefusedError(f"{kind.name} without what belongs to it")
    return value
