"""Our units, judged: facts in, checks out."""

from __future__ import annotations

from collections.abc import Callable

from bench.doctor.check import Check, Verdict, at_most, good_if, unreadable
from bench.doctor.service import ServiceFacts, Unit
from interfaces.installed import (
    COMMAND_SOCKET,
    COMMAND_UNIT,
    PAGE_UNIT,
    POLICY_UNIT,
    RECORD_UNIT,
    SAFE_UNIT,
    TARGET_UNIT,
)

_NEEDED = (TARGET_UNIT, COMMAND_SOCKET, COMMAND_UNIT, POLICY_UNIT)  # without these nothing moves
_USEFUL = (RECORD_UNIT, PAGE_UNIT)
_WATCHED = (COMMAND_UNIT, POLICY_UNIT)
_AGAIN = "`sudo ./install.sh install` writes it again"

# One restart may be a cable that was pulled; five in a minute end in the safe state.
_RESTARTS_GOOD, _RESTARTS_WEAK = 0, 4

_COMMAND_WATCHDOG_MAX_S = 1.0  # an arm whose loop stands still for longer has been let alone for too long


def service_checks(facts: ServiceFacts) -> list[Check]:
    """Return the checks of the units of an installed robot."""
    if facts.trouble:
        return [unreadable("units", "all of ours are installed and active", facts.trouble)]
    return [
        _safe(facts.units.get(SAFE_UNIT)), *(_unit(facts, name) for name in (*_NEEDED, *_USEFUL)), _at_boot(facts),
        _restarts(facts), _watchdog(facts), _stale(facts),
    ]  # fmt: skip


def _safe(unit: Unit | None) -> Check:
    name, limit = "safe state", "not in it"
    if unit is None or unit.load == "not-found":
        return Check(name=name, value=f"there is no {SAFE_UNIT}", limit=limit, verdict=Verdict.BAD, remedy=f"{_AGAIN}")
    entered = unit.active in {"active", "activating"}
    return Check(
        name=name,
        value="the robot failed again and again, and waits for a person" if entered else "not in it",
        limit=limit,
        verdict=good_if(not entered, Verdict.BAD),
        remedy="see why, `journalctl -b -p warning -u 'forerun-*'`, mend it, then `sudo forerun start`",
    )


def _unit(facts: ServiceFacts, name: str) -> Check:
    unit = facts.units.get(name)
    shown = name.removesuffix(".service")
    worst = Verdict.BAD if name in _NEEDED else Verdict.WEAK
    if unit is None or unit.load != "loaded":
        value = f"{unit.load if unit else 'unknown to systemd'}"
        return Check(name=f"unit: {shown}", value=value, limit="active", verdict=worst, remedy=_AGAIN)
    running = unit.active in {"active", "reloading"}
    failed = unit.active == "failed"
    why = f" ({unit.result})" if unit.result not in {"", "success"} else ""
    says = f": {unit.says[:100]}" if unit.says else ""
    # Stopped by a person is no fault; failed, and starting for ever, is.
    verdict = Verdict.GOOD if running else worst if failed else Verdict.WEAK
    return Check(
        name=f"unit: {shown}",
        value=f"{unit.active}, {unit.sub}{why}{says}",
        limit="active",
        verdict=verdict,
        remedy=f"`journalctl -b -u {name} -n 50` says why; then `sudo forerun start`"
        if failed
        else "`sudo forerun start`",
        figures={"restarts": float(unit.restarts)},
    )


def _at_boot(facts: ServiceFacts) -> Check:
    target = facts.units.get(TARGET_UNIT)
    state = target.file_state if target else ""
    return Check(
        name="starts at boot",
        value=state or "no",
        limit=f"{TARGET_UNIT} is enabled",
        verdict=good_if(state.startswith("enabled")),
        remedy=f"`sudo systemctl enable {TARGET_UNIT}`",
    )


def _restarts(facts: ServiceFacts) -> Check:
    counts = {name: facts.units[name].restarts for name in _of(facts, lambda unit: unit.restarts > 0)}
    most = max(counts.values(), default=0)
    return Check(
        name="restarts",
        value=", ".join(f"{name} {count} times" for name, count in counts.items()) or "none",
        limit="none since it was started",
        verdict=at_most(most, _RESTARTS_GOOD, _RESTARTS_WEAK),
        remedy="each has its reason: `journalctl -b -u 'forerun-*' -p warning`",
        figures={"most": float(most)},
    )


def _watchdog(facts: ServiceFacts) -> Check:
    loose = [name for name in _WATCHED if name not in facts.units or facts.units[name].watchdog_s is None]
    command = facts.units.get(COMMAND_UNIT)
    slow = command is not None and (command.watchdog_s or 0.0) > _COMMAND_WATCHDOG_MAX_S
    shown = ", ".join(
        f"{name} {unit.watchdog_s:g} s" for name in _WATCHED if (unit := facts.units.get(name)) and unit.watchdog_s
    )
    return Check(
        name="watchdog",
        value=f"nobody watches {', '.join(loose)}" if loose else shown,
        limit=f"watches both, the command process within {_COMMAND_WATCHDOG_MAX_S:g} s",
        verdict=Verdict.BAD if loose else good_if(not slow),
        remedy=f"{_AGAIN}; what others changed is shown by `systemctl cat {COMMAND_UNIT}`",
    )


def _stale(facts: ServiceFacts) -> Check:
    stale = _of(facts, lambda unit: unit.stale)
    return Check(
        name="unit files as read",
        value=f"changed since: {', '.join(stale)}" if stale else "yes",
        limit="systemd has read them as they are",
        verdict=good_if(not stale),
        remedy="`sudo systemctl daemon-reload; sudo forerun stop; sudo forerun start`",
    )


def _of(facts: ServiceFacts, condition: Callable[[Unit], bool]) -> list[str]:
    return [name for name, unit in facts.units.items() if condition(unit)]
