"""The lines of `forerun status` and `forerun top`: what is known is there, what is not leaves no trace, the screen is filled."""

import json
import re
from dataclasses import replace

import pytest

from bench.status_rig import arm, policy, status, unit, units
from interfaces.installed import POLICY_UNIT
from runtime.status.changes import Watched, changes
from runtime.status.robot_status import BundleStatus, FaultStatus, RobotStatus, as_json
from runtime.status.screen import KEYS, Paper, screen_lines
from runtime.status.words import age_words, duration_words, status_lines

SGR = re.compile(r"\x1b\[[0-9;]*m")
LESS = [
    status(arm=None),
    status(policy=None),
    status(arm=None, policy=None),
    status(arm=arm(joints=())),
    status(arm=arm(chunk_age_s=None, frame_age_s=None, late_p99_ms=None)),
    status(policy=policy(foresight_age_s=None, bundle=None, cameras=())),
    status(machine=replace(status().machine, record_free_mb=None, temperatures_degc={}, clock_synchronised=None)),
]


def test_all_that_is_known_is_told() -> None:
    warm = replace(arm().joints[3], temperature_degc=48.0)
    seen = status(
        units=units(policy=unit(POLICY_UNIT, restarts=1)),
        arm=arm(joints=(*arm().joints[:3], warm), last_fault=FaultStatus(why="servo 2 is gone", ago_s=4000.0)),
        policy=policy(bundle=BundleStatus(name="push-v2", on_trial=True, runs_as="fp32 on ONNX Runtime")),
    )
    lines = list(status_lines(seen))
    told = "\n".join(lines)
    for words in (
        "FOLLOWING for 60 s: chunk 7", "100.0 of 100 Hz", "missed 2 of 10000 periods", "FIFO 60, core 1",
        "chunk followed 31 ms   frame behind it 82 ms", "3 exchanges failed", "67 min ago: servo 2 is gone",
        "push   (it also knows reach, rest)", "push-v2 as fp32 on ONNX Runtime, ON TRIAL",
        "29.8 of 30 Hz", "newest 68 ms old   limit 400 ms",
        "forerun-policy.service  active", "60.0 GB free of 256", "CPU-therm 52 degC", "was started again once by systemd",
    ):  # fmt: skip
        assert words in told, told
    joints = [line for line in lines if re.search(r"[+-]\d\.\d{3}", line)]
    assert joints[0].split()[0] == "wrist_flex"  # the warmest first
    assert len({line.index("%") for line in joints}) == 1  # aligned
    assert "None" not in told
    assert "nan" not in told


@pytest.mark.parametrize("seen", LESS)
def test_less_is_told_where_less_is_known(seen: RobotStatus) -> None:
    told = "\n".join(status_lines(seen))
    assert "None" not in told
    assert json.loads(json.dumps(as_json(seen), allow_nan=False))["format"] == 1


def test_json_keeps_its_keys_and_knows_no_nan() -> None:
    told = as_json(status(arm=arm(rate_hz=float("nan"))))
    assert told["arm"]["rate_hz"] is None
    assert {"state", "why", "missed_periods", "bus_errors", "last_fault", "chunk_age_s", "joints"} <= set(told["arm"])
    assert {"instruction", "foresight_age_s", "bundle", "faults", "cameras"} <= set(told["policy"])
    assert {"position_rad", "temperature_degc", "voltage_v", "effort_ratio"} <= set(told["arm"]["joints"][0])


@pytest.mark.parametrize(
    ("value_s", "words"), [(None, "-"), (3.04, "3.0 s"), (59.6, "60 s"), (600, "10 min"), (12000, "3 h 20 min"), (187200, "2 d 4 h")]
)  # fmt: skip
def test_durations_are_said_as_people_say_them(value_s: float | None, words: str) -> None:
    assert duration_words(value_s) == words
    assert age_words(0.068) == "68 ms"


@pytest.mark.parametrize("seen", [status(), *LESS])
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (132, 50), (40, 10), (10, 4)])
@pytest.mark.parametrize("unicode", [True, False])
def test_the_screen_is_filled_and_never_overflows(seen: RobotStatus, columns: int, rows: int, *, unicode: bool) -> None:
    watched = Watched()
    for _ in range(300):
        watched.add(seen)
    lines = screen_lines(watched, Paper(columns=columns, rows=rows, unicode=unicode))
    bare = [SGR.sub("", line) for line in lines]
    assert len(bare) == rows
    assert max(map(len, bare)) <= columns
    assert bare[-1].startswith(KEYS[:columns])
    assert unicode or all(line.isascii() for line in bare)
    assert all(len(values) <= 240 for values in watched.figures.values())


def test_the_screen_shows_it_on_80_by_24() -> None:
    watched = Watched()
    assert "asking the robot" in screen_lines(watched, Paper(columns=80, rows=24))[0]
    watched.add(status())
    watched.add(status(arm=arm(state="HOLDING", why="no chunk")))
    shown = "\n".join(SGR.sub("", line) for line in screen_lines(watched, Paper(columns=80, rows=24), "stopped"))
    for words in (
        "HOLDING: no chunk",
        "gripper",
        "-10 %",
        "foresight age",
        "missed 2 of 10000",
        "FOLLOWING -> HOLDING",
        "stopped",
    ):
        assert words in shown, shown
    assert "▇" in shown or "█" in shown


def test_what_changed_is_told_once() -> None:
    holding, gone = arm(state="HOLDING", why="no chunk"), status(arm=None, arm_silence="no command process at x")
    fault = policy(faults={"camera front": "unplugged"})
    assert list(changes(status(), status())) == []
    assert list(changes(status(), status(arm=holding))) == ["FOLLOWING -> HOLDING: no chunk"]
    assert list(changes(status(), status(arm=arm(why="chunk 9")))) == ["FOLLOWING again: chunk 9"]
    assert list(changes(status(), gone)) == ["the command process does not answer any more: no command process at x"]
    assert list(changes(gone, status())) == ["the command process is there: FOLLOWING: chunk 7"]
    assert list(changes(status(), status(policy=fault))) == ["camera front: unplugged"]
    assert list(changes(status(policy=fault), status())) == ["camera front: works again"]
    assert list(changes(status(), status(policy=policy(instruction=None)))) == ["follows nothing"]
    assert list(changes(status(policy=None), status())) == ["the policy process is there"]
    assert list(changes(status(units=units()), status(units=units(policy=unit(POLICY_UNIT, "failed", "failed"))))) == [
        "forerun-policy.service: active -> failed (failed)"
    ]


def test_the_screen_says_that_there_are_more_warnings_than_it_shows() -> None:
    watched = Watched()
    machine = replace(status().machine, record_free_mb=120.0, clock_synchronised=False)
    watched.add(status(machine=machine, arm=arm(missed_periods=900)))
    shown = "\n".join(SGR.sub("", line) for line in screen_lines(watched, Paper(columns=80, rows=24)))
    assert "3 warnings" in shown
    assert "! 1 more: forerun status" in shown
