"""A serial port's facts become verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.doctor.check import Check, Verdict
from bench.doctor.serial_checks import serial_checks
from bench.doctor.serial_port import PortFacts
from bench.jetson_rig import serial_robot
from drivers.holders import Holder

FIT = PortFacts(
    port="/dev/serial/by-id/one",
    there=True,
    is_device=True,
    others=(),
    latency_ms=1,
    chip="FTDI",
    stable="/dev/serial/by-id/one",
    group="dialout",
    group_may=True,
    permitted=True,
    holders=(),
    foreign=(),
    meddlers=(),
)
OURS, OTHER = Holder(7, "python"), Holder(8, "minicom")


def checks(facts: PortFacts) -> dict[str, Check]:
    return {check.name: check for check in serial_checks(facts, serial_robot().arm)}


def test_a_fit_port_is_good_all_over() -> None:
    assert {check.verdict for check in checks(FIT).values()} == {Verdict.GOOD}
    assert {check.verdict for check in checks(replace(FIT, holders=(OURS,))).values()} == {Verdict.GOOD}


@pytest.mark.parametrize(
    ("change", "name", "verdict", "remedy"),
    [
        ({"permitted": False}, "serial permission", Verdict.BAD, "sudo usermod -aG dialout $USER"),
        ({"permitted": False, "group_may": False}, "serial permission", Verdict.BAD, "udev rules"),
        ({"holders": (OURS, OTHER), "foreign": (OTHER,)}, "serial port held by", Verdict.BAD, "sudo kill 8"),
        (
            {"port": "/dev/ttyACM0", "stable": "/dev/serial/by-id/x"}, "serial port's name", Verdict.WEAK,
            'port = "/dev/serial/by-id/x"',
        ),
        ({"port": "/dev/ttyUSB0", "stable": "/dev/ttyUSB0"}, "serial port's name", Verdict.WEAK, "udev rules"),
        ({"is_device": False}, "serial port", Verdict.BAD, "forerun devices"),
        ({"latency_ms": None}, "serial latency timer", Verdict.UNKNOWN, ""),
        ({"meddlers": ("ModemManager",)}, "programs that take ports", Verdict.WEAK, "disable --now ModemManager"),
    ],
)  # fmt: skip
def test_what_is_not_fit_is_named(change: dict[str, object], name: str, verdict: Verdict, remedy: str) -> None:
    check = checks(replace(FIT, **change))[name]
    assert check.verdict is verdict
    assert remedy in check.remedy
