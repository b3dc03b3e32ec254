"""One line and one number for every way a robot can be; and what is not wrong yet, in words."""

from dataclasses import replace

import pytest

from bench.status_rig import ROBOT, arm, policy, status, unit, units
from interfaces.installed import COMMAND_UNIT, POLICY_UNIT, RECORD_UNIT, SAFE_UNIT
from runtime.status.concerns import warnings_of
from runtime.status.robot_status import RobotStatus
from runtime.status.verdict import Wellbeing, judge

HOLDING = arm(state="HOLDING", why="the newest chunk is 300 ms old")
SAFE = unit(SAFE_UNIT, "active", "exited")
NO_FRAME = policy(faults={"camera front": "no frame for 3 s"})
COMMAND_OFF = units(command=unit(COMMAND_UNIT, "inactive", "dead"))


@pytest.mark.parametrize(
    ("seen", "wellbeing", "line", "remedy"),
    [
        (status(), 0, "FOLLOWING push, all well", ""),
        (status(units=units()), 0, "FOLLOWING push, all well", ""),
        (status(policy=policy(instruction=None), arm=HOLDING), 0, "HOLDING as asked: it follows nothing, all well", ""),
        (status(policy=policy(instruction=None), arm=arm(state="READY")), 0, "READY as asked", ""),
        (status(arm=HOLDING), 1, "HOLDING: the newest chunk is 300 ms old", "goes on with push by itself"),
        (status(arm=HOLDING, policy=NO_FRAME), 1, "HOLDING: camera front: no frame for 3 s", "by itself"),
        (status(arm=HOLDING, policy=policy(hanging=("foresight",))), 1, "HOLDING: foresight of the policy hangs", ""),
        (status(arm=arm(state="READY"), policy=policy(ready=False)), 1, "HOLDING: the policy process is starting", ""),
        (status(arm=arm(state="READY"), policy=policy(connected=False)), 1, "does not hear the command process", ""),
        (status(arm=arm(state="READY")), 1, "HOLDING: READY, and no chunk of push came yet", ""),
        (status(arm=arm(state="FAULT", why="servo 3 is gone")), 1, "FAULT: servo 3 is gone", "forerun clear"),
        (status(arm=arm(state="ESTOP", why="the cat")), 1, "ESTOP: the cat", "forerun clear"),
        (status(arm=arm(state="BOOT", why="no servo answers")), 1, "STARTING: no servo answers", ""),
        (status(policy=None, policy_silence="nobody answers there", arm=HOLDING), 1, "HOLDING: nobody answers there", "forerun run"),
        (status(policy=None, arm=HOLDING, units=units(policy=unit(POLICY_UNIT, "failed", "failed", "oom-kill"))), 1,
         "forerun-policy.service is failed: the machine ran out of memory", "journalctl -u forerun-policy"),
        (status(units=units(record=unit(RECORD_UNIT, "failed", "failed", "exit-code"))), 1,
         "FOLLOWING push, but forerun-record.service is failed: it ended with an error", "journalctl -u forerun-record"),
        (status(arm=None, units=units(safe=SAFE, command=unit(COMMAND_UNIT, "failed", "failed", "watchdog", 4))), 1,
         "SAFE STATE: a person is needed: the command process gave up: it made no progress", "sudo forerun start"),
        (status(arm=None, units=units(command=unit(COMMAND_UNIT, "activating", "start"))), 1, "STARTING", ""),
        (status(arm=None, units=units()), 1, "NO ANSWER", "journalctl"),
        (status(arm=None, units=units(command=unit(COMMAND_UNIT, "failed", "failed", "exit-code"))), 1,
         "FAILED: forerun-command.service", "sudo forerun start"),
        (status(arm=None, arm_silence="it did not answer within 1 s"), 1, "NO ANSWER: it did not answer within 1 s", "forerun run"),
        (status(arm=None, policy=None), 2, "NOT RUNNING", "forerun run robots/simulated.toml"),
        (status(arm=None, policy=None, units=COMMAND_OFF), 2, "NOT RUNNING", "sudo forerun start"),
    ],
)  # fmt: skip
def test_every_way_to_be(seen: RobotStatus, wellbeing: int, line: str, remedy: str) -> None:
    verdict = judge(seen)
    assert line in verdict.line
    assert verdict.line.startswith(verdict.banner)
    assert remedy in verdict.remedy
    assert bool(remedy) == bool(verdict.remedy) or verdict.wellbeing is Wellbeing.UNWELL
    assert verdict.wellbeing == wellbeing


@pytest.mark.parametrize(
    ("seen", "warning"),
    [
        (status(policy=policy(foresight=replace(policy().foresight, rate_hz=9.0))), "foresight runs at 9 Hz instead of 15"),
        (status(policy=policy(cameras=(replace(policy().cameras[0], rate_hz=11.0),))), "camera front runs at 11 Hz instead of 30"),
        (status(policy=policy(foresight_age_s=0.39)), "the newest foresight is 390 ms old; from 400 on"),
        (status(policy=policy(faults={"recorder": "its queue is full"})), "recorder: its queue is full"),
        (status(arm=arm(missed_periods=900)), "900 of 10000 command periods were missed"),
        (status(arm=arm(rate_hz=60.0)), "the command loop runs at 60 Hz instead of 100"),
        (status(arm=arm(joints=(replace(arm().joints[2], temperature_degc=62.0),))), "elbow_flex is 62 degC warm; from 65 on"),
        (status(arm=arm(joints=(replace(arm().joints[0], voltage_v=9.2),))), "shoulder_pan is supplied with 9.2 V; below 9.0"),
        (status(machine=replace(status().machine, record_free_mb=120.0)), "flight has 120 MB left for records"),
        (status(machine=replace(status().machine, clock_synchronised=False)), "the clock follows no time server"),
        (status(machine=replace(status().machine, temperatures_degc={"tj": 97.0})), "the machine is hot: tj 97 degC"),
        (status(units=units(policy=unit(POLICY_UNIT, restarts=2))), "forerun-policy.service was started again 2 times"),
    ],
)  # fmt: skip
def test_what_is_not_wrong_yet_is_told_and_leaves_it_well(seen: RobotStatus, warning: str) -> None:
    verdict = judge(seen)
    assert [words for words in verdict.warnings if words.startswith(warning)], verdict.warnings
    assert verdict.line == "FOLLOWING push, 1 warning"
    assert verdict.wellbeing is Wellbeing.WELL


def test_who_tells_nothing_is_not_warned_of() -> None:
    unknown = tuple(replace(joint, temperature_degc=None, voltage_v=None) for joint in arm().joints)
    nobody = replace(status().machine, record_free_mb=None, clock_synchronised=None, temperatures_degc={})
    assert warnings_of(status(arm=arm(joints=unknown), machine=nobody)) == ()
    assert ROBOT.arm.temperature_max_degc == arm().temperature_max_degc


def test_foresight_is_not_missed_where_none_is_needed() -> None:
    idle = replace(policy(instruction="rest", foresight_age_s=90.0), foresight=replace(policy().foresight, rate_hz=0.0))
    assert warnings_of(status(policy=idle)) == ()
    assert warnings_of(status(policy=replace(idle, instruction=None))) == ()
    assert len(warnings_of(status(policy=replace(idle, instruction="push")))) == 2
