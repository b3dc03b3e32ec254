"""The status of the policy process in a few words: for `forerun run`, for `systemctl status`."""

from __future__ import annotations

from typing import Any


def policy_words(status: dict[str, Any]) -> list[str]:
    """Return what is wrong, what it follows, its rates, and the age of its foresight; of an empty status, that there is no policy."""
    if not status:
        return ["no policy"]
    rates = [f"{name} {_whole(status[name]['rate_hz'])}" for name in ("camera", "foresight", "action")]
    age = _whole(status["foresight_age"]["newest_ms"])
    faults = (
        [f"FAULT: {', '.join(sorted(status['faults']))}"] if status.get("faults") else []
    )  # what it is was said once
    return [*faults, status["instruction"] or "follows nothing", f"{', '.join(rates)} Hz", f"{age} ms old"]


class StatusLine:
    """The status as one line that is said again only when it changed much, and at most once a second. Pure."""

    _PAUSE_NS = 1_000_000_000
    _RATE_RATIO = 0.2  # by which a rate or an age changes much
    _RATE_HZ = 1.0
    _AGE_MS = 100.0

    def __init__(self) -> None:
        self._t_looked_ns: int | None = None
        self._said: tuple[tuple[object, ...], tuple[float, ...], float] | None = None

    def due(self, t_now_ns: int) -> bool:
        """Return whether it is time to look at the status again."""
        return self._t_looked_ns is None or t_now_ns - self._t_looked_ns >= self._PAUSE_NS

    def changed(self, status: dict[str, Any], t_now_ns: int) -> str | None:
        """Return the line where it is worth saying, None otherwise."""
        self._t_looked_ns = t_now_ns
        rates_hz = tuple(float(status[name]["rate_hz"]) for name in ("camera", "foresight", "action"))
        age_ms = float(status["foresight_age"]["newest_ms"] or 0.0)
        words = (status["instruction"], tuple(sorted(status["faults"])))
        if self._said is not None and not self._much(words, rates_hz, age_ms):
            return None
        self._said = (words, rates_hz, age_ms)
        return " | ".join(policy_words(status))

    def _much(self, words: tuple[object, ...], rates_hz: tuple[float, ...], age_ms: float) -> bool:
        if self._said is None:
            return True
        said_words, said_rates_hz, said_age_ms = self._said
        rates = any(
            _apart(rate, said, self._RATE_HZ, self._RATE_RATIO)
            for rate, said in zip(rates_hz, said_rates_hz, strict=True)
        )
        return words != said_words or rates or _apart(age_ms, said_age_ms, self._AGE_MS, self._RATE_RATIO)


def _apart(one: float, other: float, least: float, ratio: float) -> bool:
    return abs(one - other) > max(least, ratio * max(abs(one), abs(other)))


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
