"""What a machine is like becomes verdicts, each with what to do."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from bench.doctor.check import Check, Verdict
from bench.doctor.machine import MachineFacts
from bench.doctor.machine_checks import machine_checks

FIT = MachineFacts(
    kernel="6.1-rt",
    preempt_rt=True,
    clock_source="tsc",
    rt_runtime_us=950_000,
    rt_period_us=1_000_000,
    rt_throttled=False,
    governors=("performance",),
    temperatures_degc={"cpu": 50.0, "gpu": 70.0},
    throttling=(),
    memory_available_mb=3000.0,
    swap_used_mb=0.0,
    cores=6,
    isolated="",
)


def checks(facts: MachineFacts) -> dict[str, Check]:
    return {check.name: check for check in machine_checks(facts, 60)}


def test_a_fit_machine_is_good_all_over() -> None:
    found = checks(FIT)
    found.pop("real-time priority")  # that of the machine which runs the test
    assert {check.verdict for check in found.values()} == {Verdict.GOOD}


@pytest.mark.parametrize(
    ("change", "name", "verdict", "says"),
    [
        ({"preempt_rt": False}, "kernel", Verdict.WEAK, "not PREEMPT_RT"),
        ({"clock_source": "kvm-clock"}, "clock source", Verdict.WEAK, "kvm-clock"),
        ({"clock_source": "hpet"}, "clock source", Verdict.BAD, "hpet"),
        ({"clock_source": None}, "clock source", Verdict.UNKNOWN, "not readable here"),
        ({"rt_runtime_us": -1}, "real-time share", Verdict.GOOD, "no limit"),
        ({"rt_runtime_us": 700_000}, "real-time share", Verdict.WEAK, "70% of a core"),
        ({"rt_runtime_us": 0}, "real-time share", Verdict.BAD, "0% of a core"),
        ({"rt_runtime_us": None}, "real-time share", Verdict.UNKNOWN, "not readable here"),
        ({"rt_throttled": True}, "real-time throttling", Verdict.WEAK, "it happened"),
        ({"rt_throttled": None}, "real-time throttling", Verdict.UNKNOWN, "not readable here"),
        ({"governors": ("performance", "schedutil")}, "frequency governor", Verdict.WEAK, "schedutil"),
        ({"governors": ()}, "frequency governor", Verdict.UNKNOWN, "not readable here"),
        ({"temperatures_degc": {"a": 60.0, "b": 90.0}}, "temperature", Verdict.WEAK, "90 degC (b)"),
        ({"temperatures_degc": {"a": 99.0}}, "temperature", Verdict.BAD, "99 degC"),
        ({"temperatures_degc": {}}, "temperature", Verdict.UNKNOWN, "not readable here"),
        ({"throttling": ("cpufreq-cpu0",)}, "slowed down by heat", Verdict.BAD, "cpufreq-cpu0"),
        ({"memory_available_mb": 500.0}, "memory available", Verdict.WEAK, "500 MB"),
        ({"memory_available_mb": 100.0, "swap_used_mb": 900.0}, "memory available", Verdict.BAD, "900 MB swapped out"),
        ({"cores": 1}, "cores", Verdict.WEAK, "1"),
    ],
)
def test_what_is_not_fit_is_named(change: dict[str, object], name: str, verdict: Verdict, says: str) -> None:
    check = checks(replace(FIT, **change))[name]
    assert check.verdict is verdict
    assert says in check.value
    assert check.verdict <= Verdict.UNKNOWN or check.remedy


def test_trying_the_priority_leaves_this_process_as_it_was() -> None:
    before = (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)
    found = checks(FIT)["real-time priority"]
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before
    assert found.verdict in {Verdict.GOOD, Verdict.BAD}
