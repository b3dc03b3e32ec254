"""What the kernel tells about this machine, read from /proc and /sys and nowhere else; what it does not tell is None or empty."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from bench.doctor.reading import entries, lines, number, numbers, table, text, whole, words
from runtime.status.machine import temperatures_degc

_CPUS = "sys/devices/system/cpu"
_THERMAL = ("sys/class/thermal", "sys/devices/virtual/thermal")  # the latter is where a Jetson's real folders lie
_THROTTLED_WORDS = b"RT throttling activated"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What stays as it is for some minutes."""

    kernel: str  # release
    preempt_rt: bool
    clock_source: str | None
    rt_runtime_us: int | None  # of every rt_period_us, for all real-time threads of a core; -1: all of it
    rt_period_us: int | None
    rt_throttled: bool | None  # since the start of the machine
    governors: tuple[str, ...]  # each that some core has
    temperatures_degc: dict[str, float]  # by sensor
    throttling: tuple[str, ...]  # cooling devices that slow the machine down now
    memory_available_mb: float | None
    swap_used_mb: float | None
    cores: int
    isolated: str  # cores that the scheduler leaves alone, as the kernel writes them


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What only grows: two of them tell what happened in between. None where the machine does not count it."""

    thermal_throttles: int | None  # of all cores
    quota_throttles: int | None  # periods in which our control group was stopped because it had used up its share
    stolen_ticks: int  # of the processor's time, taken by the hypervisor
    all_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    """What the kernel tells about one process."""

    scheduler: str  # "FIFO 60", "OTHER"
    cpus: tuple[int, ...]
    locked_mb: float
    peak_mb: float
    major_faults: int  # pages that had to come from a disk


def read_machine(root: Path = Path("/")) -> MachineFacts:
    """Return what is told below `root`."""
    version = text(root / "proc/version") or ""
    memory = _counts(root / "proc/meminfo")
    return MachineFacts(
        kernel=text(root / "proc/sys/kernel/osrelease") or "unknown",
        preempt_rt=text(root / "sys/kernel/realtime") == "1" or "PREEMPT_RT" in version,
        clock_source=text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        rt_runtime_us=number(root / "proc/sys/kernel/sched_rt_runtime_us"),
        rt_period_us=number(root / "proc/sys/kernel/sched_rt_period_us"),
        rt_throttled=_was_throttled(root / "dev/kmsg"),
        governors=tuple(sorted(set(_texts(root, f"{_CPUS}/cpu[0-9]*/cpufreq/scaling_governor")))),
        temperatures_degc=temperatures_degc(root),
        throttling=_throttling(root),
        memory_available_mb=memory["MemAvailable"] / 1024 if "MemAvailable" in memory else None,
        swap_used_mb=(memory["SwapTotal"] - memory["SwapFree"]) / 1024
        if {"SwapTotal", "SwapFree"} <= set(memory)
        else None,
        cores=os.cpu_count() or 1,
        isolated=text(root / f"{_CPUS}/isolated") or "",
    )


def read_counters(root: Path = Path("/")) -> Counters:
    """Return the counters below `root`."""
    throttles = numbers(entries(root, f"{_CPUS}/cpu[0-9]*/thermal_throttle/core_throttle_count"))
    first = next(iter(lines(root / "proc/stat")), "")
    ticks = [whole(word) or 0 for word in first.split()[1:9]]
    return Counters(
        thermal_throttles=sum(throttles) if throttles else None,
        quota_throttles=_quota_throttles(root),
        stolen_ticks=ticks[7] if len(ticks) > 7 else 0,
        all_ticks=sum(ticks),
    )


def read_process(pid: int, root: Path = Path("/")) -> ProcessFacts:
    """Return what is told about a process; raises OSError when it is gone."""
    status = _counts(root / f"proc/{pid}/status")
    # Fields after the name in brackets, which may hold anything: see proc_pid_stat(5), whose numbers are 3 higher.
    fields = (root / f"proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    priority, policy = int(fields[37]), int(fields[38])
    names = {os.SCHED_OTHER: "OTHER", os.SCHED_FIFO: f"FIFO {priority}", os.SCHED_RR: f"RR {priority}"}
    return ProcessFacts(
        scheduler=names.get(policy, f"policy {policy}"),
        cpus=_cpu_list((root / f"proc/{pid}/status").read_text(encoding="utf-8")),
        locked_mb=status.get("VmLck", 0) / 1024,
        peak_mb=status.get("VmHWM", 0) / 1024,
        major_faults=int(fields[9]),
    )


def _throttling(root: Path) -> tuple[str, ...]:
    slowed: set[str] = set()
    for folder in _THERMAL:
        for device in entries(root / folder, "cooling_device*"):
            kind = text(device / "type") or device.name
            if (number(device / "cur_state") or 0) > 0 and "fan" not in kind.lower():
                slowed.add(kind)
    return tuple(sorted(slowed))


def _quota_throttles(root: Path) -> int | None:
    for line in (text(root / "proc/self/cgroup") or "").splitlines():
        if line.startswith("0::"):
            return _counts_of_words(words(root / "sys/fs/cgroup" / line[3:].lstrip("/") / "cpu.stat")).get(
                "nr_throttled"
            )
    return None


def _counts_of_words(told: list[str]) -> dict[str, int]:
    """Return the numbers of "usage_usec 5 nr_periods 7", by the word before each."""
    pairs = ((name, whole(value)) for name, value in zip(told[::2], told[1::2], strict=False))
    return {name: value for name, value in pairs if value is not None}


def _was_throttled(kernel_log: Path) -> bool | None:
    """Return whether the kernel says so in its log, where we may read that."""
    try:
        fd = os.open(kernel_log, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        with contextlib.suppress(BlockingIOError):
            while record := os.read(fd, 8192):
                if _THROTTLED_WORDS in record:
                    return True
    except OSError:  # records were overwritten while we read
        return None
    finally:
        os.close(fd)
    return False


def _cpu_list(status: str) -> tuple[int, ...]:
    """Return the cores of a line such as "Cpus_allowed_list:	0-2,5"."""
    line = next((line for line in status.splitlines() if line.startswith("Cpus_allowed_list:")), ":")
    cpus: list[int] = []
    for part in line.partition(":")[2].strip().split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1) if first else ()
    return tuple(cpus)


def _counts(path: Path) -> dict[str, int]:
    """Return the kB or counts of a file with lines such as "VmHWM:  1234 kB"."""
    told = {name: whole(next(iter(value.split()), None)) for name, value in table(path).items()}
    return {name: value for name, value in told.items() if value is not None}


def _texts(root: Path, pattern: str) -> list[str]:
    return [told for told in map(text, entries(root, pattern)) if told]
