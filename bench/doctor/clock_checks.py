"""The clocks, judged: facts in, checks out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from bench.doctor.check import Check, Verdict, good_if, unreadable
from bench.doctor.clock import ClockFacts

# This version was not there before: a clock that says so is wrong, and so are the dates of all records.
RELEASED = datetime(2026, 11, 1, tzinfo=timezone.utc)

_RTC_OFF_MAX = timedelta(minutes=5)  # a good one loses seconds a day; JetPack writes it at shutdown only
_RTC_ZONE_MAX = timedelta(hours=14)  # of a machine whose RTC keeps local time


def clock_checks(facts: ClockFacts) -> list[Check]:
    """Return the checks of the clocks."""
    return [_date(facts), _synchronised(facts), *([_rtc(facts)] if facts.has_rtc else [])]


def _date(facts: ClockFacts) -> Check:
    return Check(
        name="date",
        value=f"{facts.now:%Y-%m-%d %H:%M} UTC",
        limit=f"after {RELEASED:%Y-%m-%d}, when this version was made",
        verdict=good_if(facts.now > RELEASED, Verdict.BAD),
        remedy="the robot takes its calibration records for future ones, and refuses: `sudo timedatectl set-ntp true`",
    )


def _synchronised(facts: ClockFacts) -> Check:
    name, limit = "clock synchronised", "with a time server"
    if facts.synchronised is None:
        return unreadable(name, limit)
    error = f", {facts.error_max_ms:.0f} ms off at most" if facts.error_max_ms is not None else ""
    return Check(
        name=name,
        value=f"yes{error}" if facts.synchronised else "no: it runs free",
        limit=limit,
        verdict=good_if(facts.synchronised),
        remedy="`sudo timedatectl set-ntp true`; is there a network? Records and journal get wrong dates; motion does not suffer",
        figures={"error_max_ms": facts.error_max_ms} if facts.error_max_ms is not None else {},
    )


def _rtc(facts: ClockFacts) -> Check:
    name, limit = "clock that runs while off", f"within {_RTC_OFF_MAX.seconds // 60} minutes of this machine's"
    if facts.rtc is None:
        return unreadable(name, limit)
    off = abs(facts.rtc - facts.now)
    zone_s = off.total_seconds() % 900  # of local time it is off by quarters of hours
    local = off <= _RTC_ZONE_MAX and min(zone_s, 900 - zone_s) <= _RTC_OFF_MAX.total_seconds() / 5
    near = off <= _RTC_OFF_MAX or local
    empty = facts.rtc < RELEASED
    return Check(
        name=name,
        value=f"{facts.rtc:%Y-%m-%d %H:%M}" + (": before this version was made" if empty else ""),
        limit=limit,
        verdict=good_if(near),
        remedy="`sudo hwclock --systohc`; where it is wrong again after a night, its battery is empty or not there",
        figures={"off_s": off.total_seconds()},
    )
