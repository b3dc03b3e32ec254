"""The loop is really run, for a moment, and what its log tells is understood; speed is nobody's business here."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest

from bench.command_rig import EmulatedServos, write_robot
from bench.doctor.loop_trial import LoopPlan, chunk_to_bus, run_loop
from bench.doctor.trial_robot import trial_robot
from interfaces.errors import RefusedError
from interfaces.messages import CommandState
from interfaces.robot_config import load_robot
from runtime.command.log import record_layout
from sim.feetech.goal_tape import load_goals

ROBOTS = Path(__file__).parents[3] / "robots"
MS = 1_000_000


def test_a_short_run_is_measured() -> None:
    shown: list[float] = []
    plan = LoopPlan(robot_file=ROBOTS / "simulated.toml", on_robot=False, duration_s=2.0, hogs=1)
    measured = run_loop(plan, shown.append)
    assert measured.summary.commands > 20
    assert measured.summary.state_ratio.get("FOLLOWING", 0.0) > 0
    assert measured.chunk_to_bus.p50_ms > 0
    assert measured.summary.period_error.max_ms >= measured.summary.period_error.p99_ms >= 0
    assert measured.process.peak_mb > 10
    assert measured.after.all_ticks > measured.before.all_ticks
    assert shown[0] > 2.0 > shown[-1] > 0


def test_a_bus_that_is_not_there_is_refused_with_what_was_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.doctor.loop_trial._ARMED_S", 1.5)
    robot = tmp_path / "robot.toml"
    robot.write_text((ROBOTS / "so101.toml").read_text().replace("/dev/ttyACM0", str(tmp_path / "nothing")))
    plan = LoopPlan(robot_file=robot, on_robot=True, duration_s=1.0, hogs=0)
    with pytest.raises(RefusedError, match="not ready within"):
        run_loop(plan, lambda _left_s: None)


def test_each_chunk_counts_once_at_its_first_command() -> None:
    records = np.zeros(6, record_layout(1))
    records["state"] = [CommandState.FOLLOWING] * 5 + [CommandState.HOLDING]
    records["chunk_sequence"] = [1, 1, 2, 2, 3, 4]
    records["frame_age_ns"] = np.array([90, 100, 4, 14, 6, 1]) * MS
    records["t_deadline_ns"] = np.arange(6) * 10 * MS
    records["t_sent_ns"] = records["t_deadline_ns"] + np.array([0, 0, 1, 0, 0, 0]) * MS
    spread = chunk_to_bus(records)
    assert (spread.p50_ms, spread.max_ms) == (5.5, 6.0)
    assert math.isnan(chunk_to_bus(records[:2]).p99_ms)


def test_emulated_servos_are_run_in_the_rhythm_of_the_users_robot(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    text = (ROBOTS / "so101.toml").read_text()
    mine.write_text(
        text.replace("rate_hz = 100.0", "rate_hz = 125.0").replace(
            "realtime_priority = 60", "realtime_priority = 70\ncommand_cpu = 1"
        )
    )
    trial = load_robot(trial_robot(mine, tmp_path, on_robot=False))
    assert (trial.arm.rate_hz, trial.runtime.realtime_priority, trial.runtime.command_cpu) == (125.0, 70, 1)
    assert (trial.arm.port, trial.runtime.realtime) == ("servo-bus", "preferred")


def test_the_users_robot_is_run_without_disturbing_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine.toml"
    text = (ROBOTS / "so101.toml").read_text().replace('"command.sock"', '"/run/forerun/command.sock"')
    text = text.replace('socket = "record.sock"', 'socket = "/run/forerun/record.sock"').replace(
        'estop_pipe = ""', 'estop_pipe = "stop"'
    )
    mine.write_text(text.replace("/dev/ttyACM0", "arm-bus"))
    (tmp_path / "trial").mkdir()
    trial = load_robot(trial_robot(mine, tmp_path / "trial", on_robot=True))
    assert trial.arm.port == str(tmp_path / "arm-bus")
    assert (trial.runtime.command_socket, trial.record.socket) == ("command.sock", "record.sock")
    assert (trial.runtime.realtime, trial.runtime.estop_pipe) == ("preferred", "")
    assert trial.arm.joints == load_robot(mine).arm.joints


@pytest.mark.parametrize("port", ["can0", "slcan:adapter"])
def test_the_name_of_a_can_interface_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine.toml"
    mine.write_text((ROBOTS / "yam.toml").read_text().replace('port = "can0"', f'port = "{port}"'))
    (tmp_path / "trial").mkdir()
    trial = load_robot(trial_robot(mine, tmp_path / "trial", on_robot=True))
    assert trial.arm.port == port.replace("adapter", str(tmp_path / "adapter"))


@pytest.mark.parametrize("dry_run", [True, False], ids=["on the robot", "otherwise"])
def test_on_the_robots_own_bus_no_servo_is_told_a_goal(*, dry_run: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_options(plan: LoopPlan) -> tuple[str, ...]:
        del plan
        return ()

    if not dry_run:  # goals are seen where there are any
        monkeypatch.setattr("bench.doctor.loop_trial._command_options", no_options)
    with tempfile.TemporaryDirectory(prefix="forerun") as name, EmulatedServos(Path(name)) as servos:
        monkeypatch.chdir(name)
        plan = LoopPlan(robot_file=write_robot(Path(name)), on_robot=True, duration_s=1.0, hogs=0)
        assert run_loop(plan, lambda _left_s: None).summary.commands > 10
        servos.tell("save goals.npy")
        assert (len(load_goals(Path(name) / "goals.npy")) == 0) == dry_run
