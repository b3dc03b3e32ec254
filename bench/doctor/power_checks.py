"""Power, clocks and cooling, judged: facts in, checks out. The limits stand here, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from bench.doctor.check import Check, Verdict, at_least, at_most, good_if, unreadable
from bench.doctor.power import Clock, PowerFacts

# An event is a moment in which the board was slowed down at once, because its supply or its regulator gave way. A few come with
# the current of starting up.
_OVERCURRENT_GOOD, _OVERCURRENT_WEAK = 0, 10

# Under load a part gains some 15 degrees within a minute; below 5 it is there at once.
_RESERVE_GOOD_DEGC, _RESERVE_WEAK_DEGC = 15.0, 5.0

_FAN_NEEDED_DEGC = 60.0  # by then each of NVIDIA's fan profiles turns it


def power_checks(facts: PowerFacts, *, jetson: bool) -> list[Check]:
    """Return the checks; those that only a Jetson has are left out elsewhere."""
    board = [_mode(facts), _clocks("GPU clock", facts.gpus), _overcurrent(facts), *_fan(facts)] if jetson else []
    cpu = [_clocks("CPU clock", facts.cpus)] if facts.cpus or jetson else []
    return [*board, *cpu, _reserve(facts)]


def _mode(facts: PowerFacts) -> Check:
    name, limit = "power mode", "MAXN, or the highest that the supply and the cooling bear"
    if facts.mode_id is None:
        return unreadable(name, limit, "not readable here; `sudo nvpmodel -q` tells it")
    called = facts.modes.get(facts.mode_id, f"mode {facts.mode_id}")
    best = next((mode for mode, title in facts.modes.items() if title.startswith("MAXN")), None)
    return Check(
        name=name,
        value=called,
        limit=limit,
        verdict=good_if(called.startswith("MAXN")),
        remedy=f"`sudo nvpmodel -m {best if best is not None else 0}`; it may want to start the board anew",
        figures={"mode": float(facts.mode_id)},
    )


def _clocks(name: str, clocks: Sequence[Clock]) -> Check:
    limit = "always at the highest of the power mode"
    if not clocks:
        return unreadable(name, limit)
    free = [clock for clock in clocks if not clock.is_locked]
    return Check(
        name=name,
        value=f"{', '.join(clock.name for clock in free)} may run slower" if free else "always at the highest",
        limit=limit,
        verdict=good_if(not free),
        remedy="`sudo jetson_clocks` on a Jetson (at each start: a unit), else `sudo cpupower frequency-set -g performance`",
        figures={"free": float(len(free))},
    )


def _overcurrent(facts: PowerFacts) -> Check:
    name, limit = "over-current events", "0 since the machine started"
    if not facts.overcurrent_events:
        return unreadable(name, limit)
    events = sum(facts.overcurrent_events.values())
    shown = ", ".join(f"{rail} {count}" for rail, count in facts.overcurrent_events.items() if count)
    return Check(
        name=name,
        value=shown or "0",
        limit=limit,
        verdict=at_most(events, _OVERCURRENT_GOOD, _OVERCURRENT_WEAK),
        remedy="a supply and a cable for more current, arm and board each on its own; or a lower mode: `sudo nvpmodel -m ID`",
        figures={"events": float(events)},
    )


def _fan(facts: PowerFacts) -> list[Check]:
    """Judge the fan, of a board that has one."""
    if facts.fan_duty is None and facts.fan_rpm is None:
        return []
    hot = facts.reserve is not None and facts.reserve.temperature_degc >= _FAN_NEEDED_DEGC
    stands = facts.fan_rpm == 0 if facts.fan_rpm is not None else facts.fan_duty == 0
    told = [f"{facts.fan_rpm} rpm"] if facts.fan_rpm is not None else []
    told += [f"driven at {facts.fan_duty / 255:.0%}"] if facts.fan_duty is not None else []
    driven_in_vain = bool(facts.fan_duty) and facts.fan_rpm == 0
    return [
        Check(
            name="fan",
            value=", ".join(told),
            limit=f"turns when driven, and above {_FAN_NEEDED_DEGC:.0f} degC",
            verdict=Verdict.BAD if driven_in_vain else Verdict.WEAK if stands and hot else Verdict.GOOD,
            remedy="is it plugged in, does anything block it? `sudo systemctl restart nvfancontrol`",
            figures={"rpm": float(facts.fan_rpm or 0)},
        )
    ]


def _reserve(facts: PowerFacts) -> Check:
    name, limit = (
        "temperature reserve",
        f"{_RESERVE_GOOD_DEGC:.0f} degC or more to where the machine slows down or switches off",
    )
    if facts.reserve is None:
        return unreadable(name, limit)
    left_degc = facts.reserve.trip_degc - facts.reserve.temperature_degc
    what = "slowed down" if facts.reserve.trip == "passive" else "switched off"
    return Check(
        name=name,
        value=f"{left_degc:.0f} degC: {facts.reserve.zone} has {facts.reserve.temperature_degc:.0f} degC, and is {what} at"
        f" {facts.reserve.trip_degc:.0f}",
        limit=limit,
        verdict=at_least(left_degc, _RESERVE_GOOD_DEGC, _RESERVE_WEAK_DEGC),
        remedy="cool it: fan, heat sink, air around it; or a lower power mode, `sudo nvpmodel -m ID`",
        figures={"reserve_degc": left_degc},
    )
