"""A command stage on a virtual clock, for tests and benchmarks: an arm that stands wherever it was sent, and chunks to order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from interfaces.messages import ActionChunk, JointCommand, JointState, JointVector
from interfaces.robot_config import RobotConfig, load_robot
from runtime.command.stage import CommandStage

MS = 1_000_000
ROBOT: RobotConfig = load_robot(Path(__file__).parents[1] / "robots" / "simulated.toml")
PERIOD_NS = ROBOT.arm.period_ns
N = len(ROBOT.arm.joints)
POSE: JointVector = ROBOT.arm.vector("rest_rad")
STEP_MAX = ROBOT.arm.vector("velocity_max_rad_s") * PERIOD_NS * 1e-9
CHANGE_MAX = ROBOT.arm.vector("acceleration_max_rad_s2") * (PERIOD_NS * 1e-9) ** 2


def measured(position_rad: JointVector, t_ns: int = 0) -> JointState:
    """Return joints at rest, cool and well supplied."""
    return JointState(
        t_measured_ns=t_ns,
        position_rad=position_rad.copy(),
        velocity_rad_s=np.zeros(N),
        effort_ratio=np.zeros(N),
        voltage_v=np.full(N, 12.0),
        temperature_degc=np.full(N, 30.0),
    )


class Trial:
    """A stage, its clock, and an arm that stands wherever it was sent."""

    def __init__(self) -> None:
        self.stage = CommandStage(ROBOT)
        self.t_ns = 10_000 * MS
        self.joints = measured(POSE, self.t_ns)
        self.sent: list[JointCommand] = []
        self.sequence = 0
        self.stage.begin(self.joints, self.t_ns)

    def chunk(self, target_rad: JointVector, n_rows: int = 16) -> ActionChunk:
        self.sequence += 1
        return ActionChunk(
            sequence=self.sequence,
            t_capture_ns=self.t_ns - 60 * MS,
            t_state_ns=self.t_ns - 20 * MS,
            t_first_ns=self.t_ns + 30 * MS,
            step_ns=50 * MS,
            foresight_age_ns=40 * MS,
            position_rad=np.linspace(self.joints.position_rad, target_rad, n_rows + 1)[1:],
        )

    def period(self) -> JointCommand:
        self.t_ns += PERIOD_NS
        command = self.stage.command(self.joints, self.t_ns)
        self.joints = replace(self.joints, t_measured_ns=self.t_ns, position_rad=command.position_rad)
        self.sent.append(command)
        return command

    def run(self, periods: int, *, towards: JointVector | None = None) -> JointCommand:
        for k in range(periods):
            if towards is not None and k % 3 == 0:
                self.stage.adopt(self.chunk(towards), self.t_ns)
            self.period()
        return self.sent[-1]

    def assert_no_jump(self) -> None:
        steps = np.diff(np.array([POSE, POSE, *(command.position_rad for command in self.sent)]), axis=0)
        assert (np.abs(steps) <= STEP_MAX + 1e-9).all()
        assert (np.abs(np.diff(steps, axis=0)) <= CHANGE_MAX + 1e-9).all()


def poisoned(chunk: ActionChunk, value: float) -> ActionChunk:
    """Return the chunk with one value of its last row replaced."""
    rows = chunk.position_rad.copy()
    rows[-1, 3] = value
    return replace(chunk, position_rad=rows)
