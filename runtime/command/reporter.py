"""Answers whoever asks the command process for all it knows of itself: gathered when it is asked, not before."""

from __future__ import annotations

import os
import time

from interfaces.command_report import CommandReport, ReportEncoder
from interfaces.messages import CommandState, JointState
from interfaces.robot_config import RobotConfig
from runtime.command.guarded_arm import GuardedArm
from runtime.command.loop_gauge import LoopGauge
from runtime.command.realtime import RealtimeReport
from runtime.command.stage import CommandStage


class Reporter:
    """What there is to tell of a loop beside what its parts know: since when, and what went wrong last."""

    def __init__(self, config: RobotConfig, arm: GuardedArm, stage: CommandStage, *, dry_run: bool) -> None:
        """Tell of the loop that runs `stage` on `arm`."""
        self._config = config
        self._arm = arm
        self._stage = stage
        self._dry_run = dry_run
        self._encoder = ReportEncoder()
        self._t_started_ns = self._t_state_ns = time.monotonic_ns()
        self._state = stage.state
        self._t_fault_ns = 0
        self._last_fault = ""
        self._pid = os.getpid()
        self.realtime: RealtimeReport | None = None
        self.gauge = LoopGauge(config.arm.period_ns)

    def notice(self, t_now_ns: int) -> None:
        """Look whether the stage is in another state."""
        if self._stage.state is self._state:
            return
        self._state, self._t_state_ns = self._stage.state, t_now_ns
        if self._state is CommandState.FAULT:
            self._t_fault_ns, self._last_fault = t_now_ns, self._stage.why

    def report(
        self,
        *,
        sequence: int,
        joints: JointState | None,
        policy_connected: bool,
        estop_pressed: str | None,
        t_now_ns: int,
    ) -> memoryview:
        """Return the bytes of a report, valid until the next call; takes less than 0.1 ms."""
        self.notice(t_now_ns)  # asked in the midst of a period
        stage, arm = self._stage, self._arm
        chunk = stage.chunk
        framed = chunk is not None and chunk.t_capture_ns != 0
        realtime = self.realtime
        report = CommandReport(
            sequence=sequence,
            t_report_ns=t_now_ns,
            t_started_ns=self._t_started_ns,
            pid=self._pid,
            robot=self._config.name,
            dry_run=self._dry_run,
            state=stage.state,
            why=stage.why,
            t_state_ns=self._t_state_ns,
            n_joints=len(self._config.arm.joints),
            joints=joints,
            commanded_rad=stage.commanded_rad,
            rate_asked_hz=self._config.arm.rate_hz,
            rate_hz=self.gauge.rate_hz(t_now_ns),
            missed=self.gauge.missed,
            late_p99_ns=self.gauge.late_p99_ns(t_now_ns),
            bus_lost=arm.lost,
            bus_fault=arm.fault if arm.lost or arm.errors_total else "",
            bus_errors=arm.errors_total,
            bus_errors_in_a_row=arm.errors_in_a_row,
            policy_connected=policy_connected,
            chunk_sequence=0 if chunk is None else chunk.sequence,
            chunk_age_ns=-1 if chunk is None else t_now_ns - chunk.t_state_ns,
            frame_age_ns=-1 if chunk is None or not framed else t_now_ns - chunk.t_capture_ns,
            last_fault=self._last_fault,
            t_fault_ns=self._t_fault_ns,
            realtime="" if realtime is None else realtime.line(),
            locked_kb=0 if realtime is None else realtime.locked_kb,
            estop_pressed=estop_pressed or "",
        )
        return self._encoder.encode(report)
