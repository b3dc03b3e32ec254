"""Whatever bytes the machine's files hold, and whatever its programs say, the doctor goes on: nothing crashes it, nothing makes it wait."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.doctor.asking import Answer
from bench.doctor.check import Check
from bench.doctor.groups import LOOKS
from bench.doctor.machine import read_counters
from bench.doctor.reading import entries, lines, number, table, text, whole, words
from bench.jetson_rig import BUNDLE, FILES, can_robot, patient, plant, programs, serial_robot
from interfaces.robot_config import RobotConfig

SLOW = {"software"}  # it reads this Python's packages each time; its files are tried in a test of their own
QUIET = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def look_at_all(
    root: Path, robot: RobotConfig, answers: dict[str, Answer], only: set[str] | None = None
) -> list[Check]:
    """Return all checks of a machine made of files; an exception is the test's failure."""
    machine = patient(root, robot, answers)
    looks = [look for look in LOOKS if (look.name in only if only else look.name not in SLOW)]
    return [check for look in looks for check in look.at(machine).checks]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Jetson made of files."""
    return plant(tmp_path_factory.mktemp("jetson"))


@QUIET
@given(name=st.sampled_from(sorted(set(FILES) - {"proc/self/limits"})), data=st.binary(max_size=200) | st.sampled_from(
    [b"", b"\0" * 50, b"9" * 5000, b"-1", b"\xff\xfe", b"nan", b"1e999", "²".encode(), b":::\n:::", b"{}", b"[" * 3000]))  # fmt: skip
def test_no_file_crashes_it(machine: Path, name: str, data: bytes) -> None:
    (machine / name).write_bytes(data)
    try:
        checks = look_at_all(machine, serial_robot(), programs())
        if name.startswith(("etc/nv", "usr/local/cuda", "var/lib/dpkg")):
            checks += look_at_all(machine, serial_robot(), programs(), SLOW)
        assert all(check.name and check.limit for check in checks)
    finally:
        (machine / name).write_text(FILES[name])


@pytest.mark.parametrize(
    "data", ["²".encode(), b"9" * 5000, b"\0\xff", b"1e999 : = |"], ids=["digit", "long", "bytes", "signs"]
)
def test_what_looks_like_a_number_and_is_none_crashes_it_in_no_file(machine: Path, data: bytes) -> None:
    for name in sorted(set(FILES) - {"proc/self/limits"}):
        (machine / name).write_bytes(data)
        try:
            assert look_at_all(machine, serial_robot(), programs())
        finally:
            (machine / name).write_text(FILES[name])


@QUIET
@given(data=st.binary(max_size=300))
def test_no_counter_crashes_it(tmp_path: Path, data: bytes) -> None:
    for name in ("proc/stat", "proc/self/cgroup", "proc/self/mountinfo", "proc/config.gz", "proc/self/limits"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    counters = read_counters(tmp_path)
    assert counters.all_ticks >= 0
    (tmp_path / "run/forerun").mkdir(parents=True, exist_ok=True)
    (tmp_path / "run/forerun/operator.sock").touch()
    assert look_at_all(tmp_path, serial_robot(), programs(), {"rights", "disk"})


@QUIET
@given(said=st.text(max_size=200) | JSON.map(json.dumps) | JSON.map(lambda value: json.dumps([value])))
def test_nothing_that_a_program_says_crashes_it(machine: Path, said: str) -> None:
    answers = programs(ip=said, systemctl=said, python=said, bundle=said)
    only = {"service", "bundle", "usb"}
    assert look_at_all(machine, serial_robot(), answers, only)
    assert look_at_all(machine, can_robot(), answers, {"can"})


@QUIET
@given(data=JSON)
def test_no_table_of_a_can_interface_crashes_it(machine: Path, data: object) -> None:
    link = {"ifname": "can0", "flags": data, "txqlen": data, "stats64": {"tx": data}, "linkinfo": {
        "info_kind": data, "info_data": data, "info_xstats": data}}  # fmt: skip
    assert look_at_all(machine, can_robot(), programs(ip=json.dumps([link])), {"can"})
    link["flags"], link["linkinfo"] = ["UP"], {"info_data": {"state": data, "bittiming": data, "berr_counter": data}}
    assert look_at_all(machine, can_robot(), programs(ip=json.dumps([link])), {"can"})


@QUIET
@given(data=JSON, key=st.sampled_from(sorted(BUNDLE)))
def test_no_finding_about_a_bundle_crashes_it(machine: Path, data: object, key: str) -> None:
    assert look_at_all(machine, serial_robot(), programs(bundle=json.dumps(BUNDLE | {key: data})), {"bundle"})


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert text(tmp_path / "pipe") is None
    assert text(tmp_path) is None
    assert text(tmp_path / "a\0b") is None


def test_a_large_file_is_cut(tmp_path: Path) -> None:
    (tmp_path / "large").write_text("x" * 1000)
    assert text(tmp_path / "large", 10) == "x" * 10


@pytest.mark.parametrize(
    ("word", "value"),
    [("12", 12), (" -3\n", -3), ("", None), ("²", None), ("1.5", None), ("9" * 30, None), ("--1", None), (None, None)],
)
def test_a_number_is_a_plain_one(word: str | None, value: int | None) -> None:
    assert whole(word) == value


def test_the_ways_to_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("MemTotal: 5 kB\nno colon\n")
    assert table(tmp_path / "a") == {"MemTotal": "5 kB"}
    assert words(tmp_path / "a")[:2] == ["MemTotal:", "5"]
    assert lines(tmp_path / "b") == []
    assert number(tmp_path / "a") is None
    assert entries(tmp_path / "nowhere") == []
