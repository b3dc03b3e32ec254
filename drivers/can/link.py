"""What the kernel knows about a CAN interface: whether it is up, its bit rate, and whether it comes back after bus-off.

Asked of rtnetlink, without another program. Sources: Linux, include/uapi/linux/rtnetlink.h, if_link.h and can/netlink.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from interfaces.errors import DeviceError, DeviceLostError, RefusedError

RTM_NEWLINK, RTM_GETLINK, NLMSG_ERROR = 16, 18, 2
NLM_F_REQUEST = 1
IFF_UP = 1
IFLA_IFNAME, IFLA_LINKINFO = 3, 18
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_CAN_BITTIMING, IFLA_CAN_STATE, IFLA_CAN_RESTART_MS = 1, 4, 6
STATES = ("error active", "error warning", "error passive", "bus off", "stopped", "sleeping")
TYPE_MASK = 0x3FFF  # the two highest bits are flags
_HEADER, _INTERFACE, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BxHiII"), struct.Struct("=HH")
_WAIT_S = 1.0  # the kernel answers at once


@dataclass(frozen=True, slots=True, kw_only=True)
class CanLink:
    """The state of an interface; None for what its kind does not have, as a virtual one has no bit rate."""

    name: str
    kind: str  # "can", "vcan"; "" where the kernel says none
    is_up: bool
    bitrate_hz: int | None
    restart_ms: int | None  # 0: it stays off after bus-off
    state: str | None = None  # of the controller, one of STATES

    def require_ready(self, bitrate_hz: int) -> None:
        """Raise DeviceLostError where it is down, RefusedError where it has another bit rate; both name the remedy."""
        if self.bitrate_hz not in {None, 0, bitrate_hz}:
            raise RefusedError(
                f"{self.name} runs at {self.bitrate_hz} bit/s, the robot file says {bitrate_hz}: change one of them"
                f" (ip link set {self.name} down; {remedy(self.name, bitrate_hz)})"
            )
        if not self.is_up:
            raise DeviceLostError(
                f"{self.name} is down: {remedy(self.name, None if self.kind == 'vcan' else bitrate_hz)}"
            )


def remedy(name: str, bitrate_hz: int | None) -> str:
    """Return the command that brings an interface up, with a bit rate unless it has none."""
    return f"ip link set {name} up" + ("" if bitrate_hz is None else f" type can bitrate {bitrate_hz} restart-ms 100")


def read_link(name: str) -> CanLink:
    """Return the state of an interface; raises DeviceLostError where there is none of that name."""
    attribute = _pack(IFLA_IFNAME, name.encode() + b"\0")
    body = _INTERFACE.pack(0, 0, 0, 0, 0) + attribute
    request = _HEADER.pack(_HEADER.size + len(body), RTM_GETLINK, NLM_F_REQUEST, 1, 0) + body
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as route:
            route.settimeout(_WAIT_S)
            route.sendto(request, (0, 0))
            answer = route.recv(65536)
    except OSError as error:
        raise DeviceError(f"the kernel does not tell about {name}: {error}") from error
    return parse_link(name, answer)


def parse_link(name: str, answer: bytes) -> CanLink:
    """Return what an answer of the kernel says; raises DeviceLostError where that is an error."""
    if len(answer) < _HEADER.size + _INTERFACE.size:
        raise DeviceError(f"the kernel does not tell about {name}: {len(answer)} bytes")
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind == NLMSG_ERROR:
        raise DeviceLostError(f"{name} is not there; is the adapter plugged in, and its driver loaded?")
    if kind != RTM_NEWLINK:
        raise DeviceError(f"the kernel does not tell about {name}: message of type {kind}")
    _, _, _, flags, _ = _INTERFACE.unpack_from(answer, _HEADER.size)
    attributes = dict(_unpack(answer[_HEADER.size + _INTERFACE.size :]))
    info = dict(_unpack(attributes.get(IFLA_LINKINFO, b"")))
    info_kind = info.get(IFLA_INFO_KIND, b"").rstrip(b"\0").decode(errors="replace")
    has_timing = info_kind not in {"vcan", "vxcan", ""}
    data = dict(_unpack(info.get(IFLA_INFO_DATA, b""))) if has_timing else {}
    return CanLink(
        name=name,
        kind=info_kind,
        is_up=bool(flags & IFF_UP),
        bitrate_hz=_u32(data.get(IFLA_CAN_BITTIMING)),
        restart_ms=_u32(data.get(IFLA_CAN_RESTART_MS)),
        state=_state(_u32(data.get(IFLA_CAN_STATE))),
    )


def _pack(kind: int, value: bytes) -> bytes:
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value
    return attribute + bytes(-len(attribute) % 4)


def _unpack(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if not _ATTRIBUTE.size <= length <= len(data):
            return
        yield kind & TYPE_MASK, data[_ATTRIBUTE.size : length]
        data = data[length + -length % 4 :]


def _state(number: int | None) -> str | None:
    return STATES[number] if number is not None and number < len(STATES) else None


def _u32(value: bytes | None) -> int | None:
    return None if value is None or len(value) < 4 else int(struct.unpack_from("=I", value)[0])
