"""What the command process tells in its report, with the robot file's limits beside it."""

from __future__ import annotations

import math

from interfaces.command_report import CommandReport
from interfaces.messages import JointState
from interfaces.robot_config import RobotConfig
from runtime.status.robot_status import ArmStatus, FaultStatus, JointStatus


def read_arm(report: CommandReport, robot: RobotConfig) -> ArmStatus:
    """Return what a report tells; ages are those at the instant it was made."""
    t_ns = report.t_report_ns
    fault = FaultStatus(why=report.last_fault, ago_s=(t_ns - report.t_fault_ns) * 1e-9) if report.t_fault_ns else None
    return ArmStatus(
        state=report.state.name,
        why=report.why,
        state_age_s=(t_ns - report.t_state_ns) * 1e-9,
        uptime_s=report.uptime_s,
        dry_run=report.dry_run,
        estop_pressed=report.estop_pressed,
        policy_connected=report.policy_connected,
        realtime=report.realtime,
        rate_wanted_hz=report.rate_asked_hz,
        rate_hz=report.rate_hz,
        periods=report.sequence,
        missed_periods=report.missed,
        late_p99_ms=report.late_p99_ns * 1e-6 if report.late_p99_ns >= 0 else None,
        bus_lost=report.bus_lost,
        bus_fault=report.bus_fault,
        bus_errors=report.bus_errors,
        joints_age_s=_age_s(report.joints_age_ns),
        chunk_age_s=_age_s(report.chunk_age_ns),
        frame_age_s=_age_s(report.frame_age_ns),
        temperature_max_degc=robot.arm.temperature_max_degc,
        voltage_min_v=robot.arm.voltage_min_v,
        last_fault=fault,
        joints=_joints(report, report.joints, robot) if report.joints is not None else (),
    )


def _joints(report: CommandReport, measured: JointState, robot: RobotConfig) -> tuple[JointStatus, ...]:
    """Return the joints; none where the report is of another arm than the file's, whose names would be wrong."""
    if report.n_joints != len(robot.arm.joints):
        return ()
    return tuple(
        JointStatus(
            name=joint.name,
            position_rad=float(measured.position_rad[k]),
            target_rad=_known(report.commanded_rad[k]),
            velocity_rad_s=_known(measured.velocity_rad_s[k]),
            effort_ratio=_known(measured.effort_ratio[k]),
            temperature_degc=_known(measured.temperature_degc[k]),
            voltage_v=_known(measured.voltage_v[k]),
            position_min_rad=joint.position_min_rad,
            position_max_rad=joint.position_max_rad,
            effort_fault_ratio=joint.effort_fault_ratio,
        )
        for k, joint in enumerate(robot.arm.joints)
    )


def _age_s(age_ns: int | None) -> float | None:
    return None if age_ns is None or age_ns < 0 else age_ns * 1e-9


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
