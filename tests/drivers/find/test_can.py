"""CAN interfaces as sysfs and the kernel's rtnetlink tell of them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from drivers.can.link import CanLink, parse_link
from drivers.find.can import FoundInterface, find_interfaces
from interfaces.errors import DeviceLostError

LINKS = {
    "can0": CanLink(name="can0", kind="can", is_up=True, bitrate_hz=1_000_000, restart_ms=100, state="error active"),
    "can1": CanLink(name="can1", kind="can", is_up=False, bitrate_hz=0, restart_ms=0, state="stopped"),
    "can2": CanLink(name="can2", kind="can", is_up=True, bitrate_hz=500_000, restart_ms=0, state="bus off"),
    "vcan0": CanLink(name="vcan0", kind="vcan", is_up=False, bitrate_hz=None, restart_ms=None),
}


def told(name: str) -> CanLink:
    if name not in LINKS:
        raise DeviceLostError(f"{name} is not there")
    return LINKS[name]


@pytest.fixture
def sys(tmp_path: Path) -> Path:
    for name, kind in (("lo", 772), ("can0", 280), ("can1", 280), ("can2", 280), ("can9", 280), ("vcan0", 280)):
        folder = tmp_path / "class" / "net" / name
        folder.mkdir(parents=True)
        (folder / "type").write_text(f"{kind}\n")
    driver = tmp_path / "drivers" / "gs_usb"
    driver.mkdir(parents=True)
    device = tmp_path / "class" / "net" / "can0" / "device"
    device.mkdir()
    (device / "driver").symlink_to(driver)
    return tmp_path


@pytest.fixture
def found(sys: Path) -> dict[str, FoundInterface]:
    return {interface.name: interface for interface in find_interfaces(sys, told)}


def test_an_interface_tells_rate_and_state(found: dict[str, FoundInterface]) -> None:
    assert found["can0"] == FoundInterface(
        name="can0", driver="gs_usb", up=True, bitrate_hz=1_000_000, state="error active", restart_ms=100
    )
    assert "lo" not in found


def test_one_that_is_down_is_named_with_the_remedy(found: dict[str, FoundInterface]) -> None:
    assert found["can1"].trouble == "down: ip link set can1 up type can bitrate 1000000 restart-ms 100"
    assert found["can1"].bitrate_hz is None
    assert found["vcan0"].trouble == "down: ip link set vcan0 up"


def test_one_that_left_the_bus_is_named_with_the_remedy(found: dict[str, FoundInterface]) -> None:
    assert "termination" in found["can2"].trouble
    assert "ip link set can2 type can restart" in found["can2"].trouble


def test_one_that_just_went_is_listed_all_the_same(found: dict[str, FoundInterface]) -> None:
    assert found["can9"].trouble == "can9 is not there"


def test_a_machine_without_can_has_none(tmp_path: Path) -> None:
    assert find_interfaces(tmp_path) == []


@pytest.mark.parametrize(("number", "state"), [(0, "error active"), (3, "bus off"), (77, None)])
def test_the_state_is_read_out_of_the_kernels_answer(number: int, state: str | None) -> None:
    def attribute(kind: int, value: bytes) -> bytes:
        return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)

    info = attribute(1, b"can\0") + attribute(2, attribute(4, struct.pack("=I", number)))
    body = struct.pack("=BxHiII", 0, 280, 3, 1, 0) + attribute(18, info)
    answer = struct.pack("=IHHII", 16 + len(body), 16, 0, 1, 0) + body
    assert parse_link("can0", answer).state == state
