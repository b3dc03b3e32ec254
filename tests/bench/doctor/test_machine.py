"""What is read of a machine: from made-up folders in the shape of /proc and /sys, of a Jetson, of a PC, and of a bare container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.doctor.machine import read_counters, read_machine, read_process

JETSON = {
    "proc/sys/kernel/osrelease": "5.15.148-rt-tegra\n",
    "proc/version": "Linux version 5.15.148-rt-tegra #1 SMP PREEMPT_RT Mon\n",
    "sys/kernel/realtime": "1\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "arch_sys_counter\n",
    "proc/sys/kernel/sched_rt_runtime_us": "950000\n",
    "proc/sys/kernel/sched_rt_period_us": "1000000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/isolated": "5\n",
    "sys/devices/virtual/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/devices/virtual/thermal/thermal_zone0/temp": "61500\n",
    "sys/devices/virtual/thermal/thermal_zone1/type": "cv0-thermal\n",
    "sys/devices/virtual/thermal/thermal_zone1/temp": "-256000\n",
    "sys/devices/virtual/thermal/cooling_device0/type": "pwm-fan\n",
    "sys/devices/virtual/thermal/cooling_device0/cur_state": "3\n",
    "sys/devices/virtual/thermal/cooling_device1/type": "cpufreq-cpu0\n",
    "sys/devices/virtual/thermal/cooling_device1/cur_state": "2\n",
    "proc/meminfo": "MemTotal: 7802880 kB\nMemAvailable:    2048000 kB\nSwapTotal: 1024000 kB\nSwapFree: 1023000 kB\n",
    "dev/kmsg": "6,1,0,-;nothing of interest\n4,2,9,-;sched: RT throttling activated\n",
}


def planted(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_jetson(tmp_path: Path) -> None:
    facts = read_machine(planted(tmp_path, JETSON))
    assert facts.kernel == "5.15.148-rt-tegra"
    assert facts.preempt_rt
    assert facts.clock_source == "arch_sys_counter"
    assert (facts.rt_runtime_us, facts.rt_period_us, facts.rt_throttled) == (950_000, 1_000_000, True)
    assert facts.governors == ("performance", "schedutil")
    assert facts.temperatures_degc == {"cpu-thermal": 61.5}  # a sensor that is off tells nonsense
    assert facts.throttling == ("cpufreq-cpu0",)  # a fan that turns slows nothing down
    assert facts.memory_available_mb == 2000.0
    assert facts.swap_used_mb == pytest.approx(0.98, abs=0.01)
    assert facts.isolated == "5"


def test_a_container_that_tells_nothing(tmp_path: Path) -> None:
    facts = read_machine(tmp_path)
    assert not facts.preempt_rt
    assert facts.clock_source is None
    assert (facts.rt_runtime_us, facts.rt_throttled) == (None, None)
    assert (facts.governors, facts.temperatures_degc, facts.throttling) == ((), {}, ())
    assert facts.memory_available_mb is None


def test_a_kernel_log_without_throttling(tmp_path: Path) -> None:
    assert read_machine(planted(tmp_path, {"dev/kmsg": "6,1,0,-;boot\n"})).rt_throttled is False


def test_counters(tmp_path: Path) -> None:
    files = {
        "proc/stat": "cpu  100 0 50 800 20 0 5 25 0 0\ncpu0 1 2\n",
        "proc/self/cgroup": "9:cpu:/old\n0::/robot/policy\n",
        "sys/fs/cgroup/robot/policy/cpu.stat": "usage_usec 5\nnr_periods 7\nnr_throttled 3\nthrottled_usec 9\n",
        "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "2\n",
        "sys/devices/system/cpu/cpu10/thermal_throttle/core_throttle_count": "5\n",
    }
    counters = read_counters(planted(tmp_path, files))
    assert (counters.thermal_throttles, counters.quota_throttles) == (7, 3)
    assert (counters.stolen_ticks, counters.all_ticks) == (25, 1000)


def test_counters_that_are_not_there(tmp_path: Path) -> None:
    counters = read_counters(tmp_path)
    assert (counters.thermal_throttles, counters.quota_throttles) == (None, None)
    assert counters.stolen_ticks == 0


def test_a_process_with_a_difficult_name(tmp_path: Path) -> None:
    before, after = "S 1 7 7 0 -1 4194304 900 0 {major} 0 1 1 0 0", " 20 0 1 0 5 1 1" + " 0" * 15
    fields = before.format(major=4) + after
    n_before_priority = 37 - len(fields.split())
    fields += " 0" * n_before_priority + " 60 1 0 0"
    files = {
        "proc/7/stat": f"7 (a) b (c) {fields}\n",
        "proc/7/status": "Name:\ta\nCpus_allowed:\t2d\nCpus_allowed_list:\t0,2-3,5\nVmHWM:\t  40960 kB\nVmLck:\t   2048 kB\n",
    }
    facts = read_process(7, planted(tmp_path, files))
    assert facts.scheduler == "FIFO 60"
    assert facts.cpus == (0, 2, 3, 5)
    assert (facts.locked_mb, facts.peak_mb, facts.major_faults) == (2.0, 40.0, 4)


def test_this_very_process_is_read_as_the_system_calls_tell_it() -> None:
    facts = read_process(os.getpid())
    assert facts.cpus == tuple(sorted(os.sched_getaffinity(0)))
    assert facts.peak_mb > 5
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        assert facts.scheduler == "OTHER"
