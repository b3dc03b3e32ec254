"""The clocks of this machine: what the kernel thinks of its own, and the one that runs while the machine is off."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bench.doctor.reading import entries, number, text

# struct timex of adjtimex(2): modes, offset, freq, maxerror, esterror, status; the same on x86-64 and aarch64.
_TIMEX = struct.Struct("=I4xqqqqi")
_TIMEX_BYTES = 208
_STA_UNSYNC = 0x40


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFacts:
    """What is told; None for what is not."""

    now: datetime
    synchronised: bool | None  # somebody (timesyncd, chrony, ntpd, ptp) keeps the kernel's clock right
    error_max_ms: float | None  # the kernel's own estimate
    rtc: datetime | None
    has_rtc: bool


def read_clock(root: Path, now: datetime) -> ClockFacts:
    """Return what is told below `root`, at the instant `now`."""
    synchronised, error_max_ms = _kernel_clock() if root == Path("/") else (None, None)
    folders = entries(root / "sys/class/rtc", "rtc*")
    # The one that the kernel took its time from; else the first.
    chosen = next((each for each in folders if number(each / "hctosys") == 1), folders[0] if folders else None)
    return ClockFacts(
        now=now,
        synchronised=synchronised,
        error_max_ms=error_max_ms,
        rtc=_rtc(chosen) if chosen else None,
        has_rtc=chosen is not None,
    )


def _rtc(folder: Path) -> datetime | None:
    try:
        told = f"{text(folder / 'date')} {text(folder / 'time')}"
        return datetime.strptime(told, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None


def _kernel_clock() -> tuple[bool | None, float | None]:
    """Ask the kernel, without changing anything (modes is 0)."""
    memory = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        answered = ctypes.CDLL(None, use_errno=True).adjtimex(memory) >= 0
    except (OSError, AttributeError):
        return None, None
    if not answered:
        return None, None
    *_, error_max_us, _estimate_us, status = _TIMEX.unpack_from(memory)
    return not status & _STA_UNSYNC, error_max_us / 1000
