"""What the kernel says of an interface: its answers taken apart, and those of this machine's kernel."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.can.link import CanLink, parse_link, read_link
from interfaces.errors import DeviceError, DeviceLostError, RefusedError


def attribute(kind: int, value: bytes) -> bytes:
    data = struct.pack("=HH", 4 + len(value), kind) + value
    return data + bytes(-len(data) % 4)


def answer(*, up: bool, kind: bytes, data: bytes = b"") -> bytes:
    """An RTM_NEWLINK as the kernel sends it, with attributes around those that matter."""
    info = attribute(1, kind + b"\0") + (attribute(0x8002, data) if data else b"")
    body = (
        struct.pack("=BxHiII", 0, 280, 3, int(up), 0) + attribute(3, b"can0\0") + attribute(13, struct.pack("=I", 10))
    )
    body += attribute(0x8000 | 18, info)
    return struct.pack("=IHHII", 16 + len(body), 16, 0, 1, 0) + body


TIMING = attribute(1, struct.pack("=8I", 500_000, 875, 125, 6, 7, 2, 1, 2))
REAL = answer(up=True, kind=b"can", data=TIMING + attribute(4, bytes(4)) + attribute(6, struct.pack("=I", 100)))


def test_a_real_interface_tells_rate_and_restart() -> None:
    assert parse_link("can0", REAL) == CanLink(
        name="can0", kind="can", is_up=True, bitrate_hz=500_000, restart_ms=100, state="error active"
    )


def test_a_virtual_one_has_neither() -> None:
    link = parse_link("vcan0", answer(up=False, kind=b"vcan"))
    assert link == CanLink(name="vcan0", kind="vcan", is_up=False, bitrate_hz=None, restart_ms=None)


def test_the_rate_that_was_asked_for_is_ready_and_another_refused() -> None:
    link = parse_link("can0", REAL)
    link.require_ready(500_000)
    with pytest.raises(
        RefusedError, match=r"can0 runs at 500000 bit/s, the robot file says 1000000: .* bitrate 1000000"
    ):
        link.require_ready(1_000_000)


def test_down_is_named_with_the_command_that_helps() -> None:
    with pytest.raises(
        DeviceLostError, match="can0 is down: ip link set can0 up type can bitrate 1000000 restart-ms 100"
    ):
        parse_link("can0", answer(up=False, kind=b"can")).require_ready(1_000_000)
    with pytest.raises(DeviceLostError, match=r"vcan0 is down: ip link set vcan0 up$"):
        parse_link("vcan0", answer(up=False, kind=b"vcan")).require_ready(1_000_000)


def test_what_is_not_there_is_lost() -> None:
    with pytest.raises(DeviceLostError, match="no-such-can is not there"):
        read_link("no-such-can")


def test_this_kernel_tells_about_its_loopback() -> None:
    assert read_link("lo").name == "lo"


@settings(deadline=None)
@given(st.integers(0, len(REAL)), st.binary(max_size=20))
def test_a_torn_answer_is_understood_as_far_as_it_goes_or_an_error_of_ours(cut: int, rest: bytes) -> None:
    try:
        link = parse_link("can0", REAL[:cut] + rest)
    except DeviceError:
        return
    assert link.name == "can0"
