"""What systemd, the machine, the command process and the policy tell, read with care: whatever they say, a status comes out."""

import math
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.status_rig import POLICY_REPLY, ROBOT, report
from interfaces.installed import COMMAND_UNIT, POLICY_UNIT
from interfaces.messages import CommandState
from runtime.policy.board import PolicyBoard
from runtime.policy.status import describe
from runtime.status.arm_side import read_arm
from runtime.status.machine import read_machine
from runtime.status.policy_side import read_policy
from runtime.status.units import parse_units, read_units

# As systemd 252 writes it, in another order than asked.
SYSTEMCTL = f"""\
Restart=on-failure
NRestarts=3
StatusText=FOLLOWING: chunk 7 = the best
Result=watchdog
Id={COMMAND_UNIT}
LoadState=loaded
ActiveState=failed
SubState=failed

NRestarts=0
Result=success
Id={POLICY_UNIT}
LoadState=not-found
ActiveState=inactive
SubState=dead

Id=forerun.target
LoadState=loaded
ActiveState=active
SubState=active
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def test_units_are_read_as_systemd_tells_them() -> None:
    command, target = parse_units(SYSTEMCTL)
    assert (command.name, command.active, command.result, command.restarts) == (COMMAND_UNIT, "failed", "watchdog", 3)
    assert command.says == "FOLLOWING: chunk 7 = the best"
    assert (target.name, target.active, target.restarts) == ("forerun.target", "active", 0)


def test_no_systemd_is_no_units(tmp_path: Path) -> None:
    assert read_units((str(tmp_path / "none"),)) == ()
    other = tmp_path / "systemctl"
    other.write_text("#!/bin/sh\necho 'System has not been booted with systemd as init system (PID 1).' >&2; exit 1\n")
    other.chmod(other.stat().st_mode | stat.S_IXUSR)
    assert read_units((str(other),)) == ()


@given(st.text(alphabet="Id=ActvSe\n\t forun.", max_size=200))
def test_any_words_of_systemd_are_survived(text: str) -> None:
    parse_units(text)


def test_the_machine_tells_its_heat_and_its_room(tmp_path: Path) -> None:
    for number, (sensor, milli) in enumerate((("cpu", "51500"), ("off", "-256000"), ("broken", "x"))):
        zone = tmp_path / f"sys/class/thermal/thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "type").write_text(f"{sensor}\n")
        (zone / "temp").write_text(f"{milli}\n")
    machine = read_machine(tmp_path / "not" / "there", clock_synchronised=None, root=tmp_path)
    assert machine.temperatures_degc == {"cpu": 51.5}
    assert machine.record_free_mb is not None
    assert machine.record_size_mb is not None
    assert 0 <= machine.record_free_mb <= machine.record_size_mb


def test_a_report_becomes_a_status() -> None:
    told = report()
    assert told.joints is not None
    unknown = replace(told.joints, voltage_v=told.joints.voltage_v * math.nan)
    arm = read_arm(replace(told, joints=unknown, last_fault="hot", t_fault_ns=190_000_000_000, late_p99_ns=-1), ROBOT)
    assert (arm.state, round(arm.state_age_s, 6), arm.uptime_s, arm.missed_periods) == ("FOLLOWING", 60.0, 100.0, 2)
    assert (arm.chunk_age_s, arm.frame_age_s) == (pytest.approx(0.031), pytest.approx(0.082))
    assert arm.late_p99_ms is None
    assert arm.last_fault is not None
    assert (arm.last_fault.why, round(arm.last_fault.ago_s, 6)) == ("hot", 10.0)
    pan = arm.joints[0]
    assert (pan.name, pan.position_rad, pan.target_rad, pan.voltage_v) == ("shoulder_pan", 0.25, 0.26, None)
    assert (pan.position_min_rad, pan.position_max_rad) == (-1.91, 1.91)


def test_an_arm_that_was_not_measured_or_is_another_one_has_no_joints() -> None:
    boot = replace(report(), state=CommandState.BOOT, joints=None, chunk_age_ns=-1, frame_age_ns=-1)
    assert read_arm(boot, ROBOT).joints == ()
    assert read_arm(boot, ROBOT).chunk_age_s is None
    other = replace(report(), n_joints=2, commanded_rad=np.zeros(2))
    assert read_arm(other, ROBOT).joints == ()


def test_the_policys_status_is_understood() -> None:
    policy = read_policy(POLICY_REPLY, ROBOT)
    assert (policy.instruction, policy.ready, policy.connected) == ("push", True, True)
    assert policy.foresight_age_s == pytest.approx(0.0684)
    assert (policy.cameras[0].name, policy.cameras[0].rate_hz, policy.cameras[0].rate_wanted_hz) == (
        "front",
        29.8,
        30.0,
    )
    assert policy.bundle is not None
    assert policy.bundle.name == "so101-small"


def test_the_very_first_status_of_a_policy_is_understood() -> None:
    board = PolicyBoard()
    board.view("front")
    policy = read_policy(describe(board, 5), ROBOT)
    assert (policy.instruction, policy.connected, policy.foresight_age_s) == (None, False, None)
    assert policy.cameras[0].rate_hz == 0.0


@given(st.dictionaries(st.sampled_from(sorted(POLICY_REPLY)), JSON, max_size=6))
def test_any_reply_is_survived(reply: dict[str, Any]) -> None:
    policy = read_policy(reply, ROBOT)
    assert policy.foresight_age_s is None or math.isfinite(policy.foresight_age_s)
