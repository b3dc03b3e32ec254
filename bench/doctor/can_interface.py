"""A CAN interface, as `ip` tells of it: parsed here, without a machine. Source: iproute2, ip/iplink_can.c, its JSON.

Where there is no `ip`, the kernel is asked for the little that drivers/can/link.py needs itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from bench.doctor.asking import Ask
from drivers.can.link import CanLink, read_link
from interfaces.errors import DeviceError, DeviceLostError

_STATES = {
    "error active": "ERROR-ACTIVE",
    "error warning": "ERROR-WARNING",
    "error passive": "ERROR-PASSIVE",
    "bus off": "BUS-OFF",
    "stopped": "STOPPED",
    "sleeping": "SLEEPING",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CanFacts:
    """What is known of an interface; None for what its kind does not have, or nobody tells."""

    name: str
    there: bool
    kind: str = ""  # "can", "vcan"
    up: bool = False
    state: str | None = None  # "ERROR-ACTIVE", "BUS-OFF"
    bitrate_hz: int | None = None
    restart_ms: int | None = None
    queue: int | None = None  # frames that may wait to be sent
    tx_errors: int | None = None  # the controller's counters, 0 to 256: they sink again as frames pass
    rx_errors: int | None = None
    bus_offs: int | None = None  # since it is up
    tx_dropped: int | None = None  # frames since it is up
    trouble: str = ""  # why nothing, or not all, is known


def read_can(name: str, ask: Ask, link: Callable[[str], CanLink] = read_link) -> CanFacts:
    """Return what is told of the interface `name`."""
    answer = ask(["ip", "-details", "-statistics", "-json", "link", "show", "dev", name])
    if not answer.trouble:
        return parse_can(name, answer.text)
    if "does not exist" in answer.trouble:
        return CanFacts(name=name, there=False)
    if "is not asked" in answer.trouble:
        return CanFacts(name=name, there=True, trouble=answer.trouble)
    return _of_kernel(name, link, answer.trouble)


def parse_can(name: str, told: str) -> CanFacts:
    """Return what `ip -details -statistics -json link show dev NAME` says."""
    try:
        rows = json.loads(told)
    except (ValueError, RecursionError):
        return CanFacts(name=name, there=True, trouble="ip says what is no JSON")
    row = next((each for each in map(_table, _list(rows)) if each.get("ifname") == name), None)
    if row is None:
        return CanFacts(name=name, there=False)
    info = _table(row.get("linkinfo"))
    data, counts = _table(info.get("info_data")), _table(info.get("info_xstats"))
    counters, sent = _table(data.get("berr_counter")), _table(_table(row.get("stats64")).get("tx"))
    state = data.get("state")
    return CanFacts(
        name=name,
        there=True,
        kind=str(info.get("info_kind", "")),
        up="UP" in _list(row.get("flags")),
        state=state if isinstance(state, str) else None,
        bitrate_hz=_count(_table(data.get("bittiming")).get("bitrate")),
        restart_ms=_count(data.get("restart_ms", 0)) if data else None,  # ip leaves out what is 0
        queue=_count(row.get("txqlen")),
        tx_errors=_count(counters.get("tx")),
        rx_errors=_count(counters.get("rx")),
        bus_offs=_count(counts.get("bus_off")),
        tx_dropped=_count(sent.get("dropped")),
    )


def _of_kernel(name: str, link: Callable[[str], CanLink], why: str) -> CanFacts:
    try:
        told = link(name)
    except DeviceLostError:
        return CanFacts(name=name, there=False)
    except DeviceError as error:
        return CanFacts(name=name, there=True, trouble=f"{why}; {error}")
    return CanFacts(
        name=name,
        there=True,
        kind=told.kind,
        up=told.is_up,
        state=_STATES.get(told.state or ""),
        bitrate_hz=told.bitrate_hz,
        restart_ms=told.restart_ms,
        trouble=why,
    )


def _table(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64 else None
