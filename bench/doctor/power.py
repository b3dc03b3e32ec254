"""Power mode, clocks, supply and cooling, as the kernel and nvpmodel's own files tell of them.

Places: NVIDIA Jetson Linux Developer Guide, "Power and Performance" (nvpmodel, jetson_clocks, soctherm's oc*_event_cnt);
Linux, Documentation/driver-api/thermal/sysfs-api.rst.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.doctor.reading import entries, number, numbers, text

_MODEL = re.compile(r"<\s*POWER_MODEL\s+ID=(\d{1,4})\s+NAME=(\S{1,60})\s*>")
_STATUS = re.compile(r"pmode:(\d{1,4})")
_GPU_NAMES = ("gpu", "ga10b", "gv11b")
_TRIPS = ("passive", "hot", "critical")  # an "active" one only turns a fan
_MILLI_MAX = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The frequencies of a processor, in its own unit."""

    name: str
    lowest: int
    highest: int  # that the power mode allows

    @property
    def is_locked(self) -> bool:
        """Return whether it always runs at its highest."""
        return self.lowest >= self.highest


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """How far a part is from the temperature at which something is done to it."""

    zone: str
    temperature_degc: float
    trip: str  # "passive": it is slowed down; "hot", "critical": the machine is switched off
    trip_degc: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFacts:
    """What is told; None or empty for what is not."""

    mode_id: int | None
    modes: dict[int, str]
    cpus: tuple[Clock, ...]
    gpus: tuple[Clock, ...]
    overcurrent_events: dict[str, int]  # since the start of the machine, by rail or alarm
    fan_duty: int | None  # of 255
    fan_rpm: int | None
    reserve: Reserve | None  # the smallest


def read_power(root: Path) -> PowerFacts:
    """Return what is told below `root`."""
    status = _STATUS.search(text(root / "var/lib/nvpmodel/status") or "")
    config = text(root / "etc/nvpmodel.conf") or ""
    hwmon = root / "sys/class/hwmon"
    return PowerFacts(
        mode_id=int(status.group(1)) if status else None,
        modes={int(mode): name for mode, name in _MODEL.findall(config)},
        cpus=_cpus(root),
        gpus=_gpus(root),
        overcurrent_events=_overcurrent(hwmon),
        fan_duty=next(iter(numbers(entries(hwmon, "hwmon*/pwm1"))), None),
        fan_rpm=next(iter(numbers([*entries(hwmon, "hwmon*/rpm"), *entries(hwmon, "hwmon*/fan1_input")])), None),
        reserve=_reserve(root),
    )


def _cpus(root: Path) -> tuple[Clock, ...]:
    folders = entries(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq")
    found = [_clock(folder.parent.name, folder, "scaling_min_freq", "scaling_max_freq") for folder in folders]
    return tuple(clock for clock in found if clock is not None)


def _gpus(root: Path) -> tuple[Clock, ...]:
    folders = [each for each in entries(root, "sys/class/devfreq/*") if any(name in each.name for name in _GPU_NAMES)]
    found = [_clock(folder.name, folder, "min_freq", "max_freq") for folder in folders]
    return tuple(clock for clock in found if clock is not None)


def _clock(name: str, folder: Path, low: str, high: str) -> Clock | None:
    lowest, highest = number(folder / low), number(folder / high)
    return None if lowest is None or highest is None else Clock(name=name, lowest=lowest, highest=highest)


def _overcurrent(hwmon: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in entries(hwmon, "hwmon*/oc*_event_cnt"):
        count = number(entry)
        if count is not None:
            found[entry.name.removesuffix("_event_cnt")] = found.get(entry.name.removesuffix("_event_cnt"), 0) + count
    return found


def _reserve(root: Path) -> Reserve | None:
    reserves = [
        reserve
        for zone in entries(root, "sys/class/thermal/thermal_zone*")
        for entry in entries(zone, "trip_point_*_temp")
        if (reserve := _to_trip(zone, entry)) is not None
    ]
    return min(reserves, key=lambda reserve: reserve.trip_degc - reserve.temperature_degc, default=None)


def _to_trip(zone: Path, entry: Path) -> Reserve | None:
    kind = text(entry.with_name(entry.name.replace("_temp", "_type"))) or ""
    milli, trip_milli = number(zone / "temp"), number(entry)
    if kind not in _TRIPS or milli is None or trip_milli is None:
        return None
    if not (0 < milli < _MILLI_MAX and 0 < trip_milli < _MILLI_MAX):  # a sensor or a trip that is switched off
        return None
    name = text(zone / "type") or zone.name
    return Reserve(zone=name, temperature_degc=milli / 1000, trip=kind, trip_degc=trip_milli / 1000)
