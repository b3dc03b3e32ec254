"""What the machine is like, judged: facts in, checks out. The limits stand here, each with its reason."""

from __future__ import annotations

import os

from bench.doctor.check import Check, Verdict, at_least, at_most, unreadable
from bench.doctor.machine import MachineFacts

_GROUP = "dialout"  # whoever may use the arm's port may use it in time

# Clocks that are read in some 30 ns without entering the kernel, and run evenly.
_GOOD_CLOCKS = {"tsc", "arch_sys_counter"}
_BAD_CLOCKS = {"hpet", "acpi_pm", "jiffies", "refined-jiffies"}  # a microsecond and more a look, or coarse

# The kernel's own default is 950 of 1000 ms. The loop takes some 10 % of a core; below half there is no room for a bad moment.
_RT_SHARE_GOOD_RATIO, _RT_SHARE_WEAK_RATIO = 0.9, 0.5

# Processors, Orin's among them, begin to slow themselves down a little below 100 degrees.
_HOT_GOOD_DEGC, _HOT_WEAK_DEGC = 85.0, 95.0

# Command, policy and recorder process together take some 400 MB; a machine out of memory kills one of them.
_MEMORY_GOOD_MB, _MEMORY_WEAK_MB = 1000.0, 400.0


def machine_checks(facts: MachineFacts, priority: int, *, installed: bool = False) -> list[Check]:
    """Return the checks of a machine on which the command process asks for SCHED_FIFO `priority`.

    Where it is `installed`, its unit asks for that, and a person's own shell need not be permitted.
    """
    return [
        *([] if installed else [_permitted(priority)]), _slowed(facts), _temperature(facts), _kernel(facts), _clock(facts),
        _rt_share(facts), _rt_throttled(facts), _governor(facts), _memory(facts), _cores(facts),
    ]  # fmt: skip


def _kernel(facts: MachineFacts) -> Check:
    return Check(
        name="kernel",
        value=f"{facts.kernel}, {'PREEMPT_RT' if facts.preempt_rt else 'not PREEMPT_RT'}",
        limit="PREEMPT_RT",
        verdict=Verdict.GOOD if facts.preempt_rt else Verdict.WEAK,
        remedy="fine where the period error below is good; else install the real-time kernel of your system",
    )


def _clock(facts: MachineFacts) -> Check:
    if facts.clock_source is None:
        return unreadable("clock source", "tsc or arch_sys_counter")
    bad = facts.clock_source in _BAD_CLOCKS
    good = facts.clock_source in _GOOD_CLOCKS
    return Check(
        name="clock source",
        value=facts.clock_source,
        limit="tsc or arch_sys_counter",
        verdict=Verdict.GOOD if good else Verdict.BAD if bad else Verdict.WEAK,
        remedy="the kernel distrusts the processor's own counter: see `dmesg | grep -i clocksource`",
    )


def _permitted(priority: int) -> Check:
    """Try it: an answer from the kernel is better than a guess from limits and capabilities."""
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
        os.sched_setscheduler(0, before, parameters)
        permitted = True
    except PermissionError:
        permitted = False
    return Check(
        name="real-time priority",
        value=f"SCHED_FIFO {priority} is {'' if permitted else 'not '}permitted to this user",
        limit="permitted",
        verdict=Verdict.GOOD if permitted else Verdict.BAD,
        remedy=f"`echo '@{_GROUP} - rtprio {priority}' | sudo tee -a /etc/security/limits.d/forerun.conf`, be in that group, and"
        " log in again; or `sudo ./install.sh install`, whose unit gives it",
    )


def _rt_share(facts: MachineFacts) -> Check:
    name, limit = "real-time share", f"{_RT_SHARE_GOOD_RATIO:.0%} of a core or more"
    if facts.rt_runtime_us is None or not facts.rt_period_us:
        return unreadable(name, limit)
    ratio = 1.0 if facts.rt_runtime_us < 0 else facts.rt_runtime_us / facts.rt_period_us
    return Check(
        name=name,
        value="no limit" if facts.rt_runtime_us < 0 else f"{ratio:.0%} of a core",
        limit=limit,
        verdict=at_least(ratio, _RT_SHARE_GOOD_RATIO, _RT_SHARE_WEAK_RATIO),
        remedy="`sudo sysctl -w kernel.sched_rt_runtime_us=950000`; for good, in /etc/sysctl.d/",
        figures={"share_ratio": ratio},
    )


def _rt_throttled(facts: MachineFacts) -> Check:
    name, limit = "real-time throttling", "none since the machine started"
    if facts.rt_throttled is None:
        return unreadable(name, limit)
    return Check(
        name=name,
        value="the kernel log says that it happened" if facts.rt_throttled else "none in the kernel log",
        limit=limit,
        verdict=Verdict.WEAK if facts.rt_throttled else Verdict.GOOD,
        remedy="some real-time thread took all of its share: find which, `ps -eLo cls,rtprio,pcpu,comm`",
    )


def _governor(facts: MachineFacts) -> Check:
    name, limit = "frequency governor", "performance"
    if not facts.governors:
        return unreadable(name, limit)
    return Check(
        name=name,
        value=", ".join(facts.governors),
        limit=limit,
        verdict=Verdict.GOOD if facts.governors == ("performance",) else Verdict.WEAK,
        remedy="a core that sleeps deep wakes late: `sudo jetson_clocks`, or `sudo cpupower frequency-set -g performance`",
    )


def _temperature(facts: MachineFacts) -> Check:
    name, limit = "temperature", f"{_HOT_GOOD_DEGC:.0f} degC at most"
    if not facts.temperatures_degc:
        return unreadable(name, limit)
    sensor, hottest_degc = max(facts.temperatures_degc.items(), key=lambda item: item[1])
    return Check(
        name=name,
        value=f"{hottest_degc:.0f} degC ({sensor})",
        limit=limit,
        verdict=at_most(hottest_degc, _HOT_GOOD_DEGC, _HOT_WEAK_DEGC),
        remedy="cool it: fan, heat sink, or a lower power mode, `sudo nvpmodel -m ID`",
        figures={"hottest_degc": hottest_degc},
    )


def _slowed(facts: MachineFacts) -> Check:
    if not facts.temperatures_degc and not facts.throttling:
        return unreadable("slowed down by heat", "no")
    return Check(
        name="slowed down by heat",
        value=", ".join(facts.throttling) or "no",
        limit="no",
        verdict=Verdict.BAD if facts.throttling else Verdict.GOOD,
        remedy="cool it: it runs below its rate now",
    )


def _memory(facts: MachineFacts) -> Check:
    name, limit = "memory available", f"{_MEMORY_GOOD_MB:.0f} MB or more"
    if facts.memory_available_mb is None:
        return unreadable(name, limit)
    swap = f", {facts.swap_used_mb:.0f} MB swapped out" if facts.swap_used_mb else ""
    return Check(
        name=name,
        value=f"{facts.memory_available_mb:.0f} MB{swap}",
        limit=limit,
        verdict=at_least(facts.memory_available_mb, _MEMORY_GOOD_MB, _MEMORY_WEAK_MB),
        remedy="end what else runs on this machine: `ps aux --sort -rss | head`",
        figures={"available_mb": facts.memory_available_mb},
    )


def _cores(facts: MachineFacts) -> Check:
    isolated = f", isolated: {facts.isolated}" if facts.isolated else ""
    return Check(
        name="cores",
        value=f"{facts.cores}{isolated}",
        limit="2 or more",
        verdict=Verdict.GOOD if facts.cores > 1 else Verdict.WEAK,
        remedy="one core for both policy and command process leaves neither enough",
        figures={"cores": facts.cores},
    )
