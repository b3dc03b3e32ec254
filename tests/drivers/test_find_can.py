"""CAN interfaces as sysfs and `ip` tell of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drivers.find_can import find_interfaces, parse_ip

# As iproute2 6.1 prints it for a kvaser_pci at 1 Mbit/s and for a vcan, less what is not read.
IP_OUTPUT = json.dumps(
    [
        {"ifindex": 1, "ifname": "lo", "link_type": "loopback"},
        {
            "ifname": "can0",
            "flags": ["NOARP", "UP", "LOWER_UP"],
            "link_type": "can",
            "linkinfo": {
                "info_kind": "can",
                "info_data": {
                    "state": "ERROR-ACTIVE",
                    "berr_counter": {"tx": 0, "rx": 0},
                    "restart_ms": 100,
                    "bittiming": {"bitrate": 1000000, "sample_point": "0.750", "tq": 125},
                },
            },
        },
        {"ifname": "vcan0", "link_type": "can", "linkinfo": {"info_kind": "vcan"}},
    ]
)


@pytest.fixture
def sys(tmp_path: Path) -> Path:
    for name, kind, flags in (("lo", 772, 9), ("can0", 280, 0xC1), ("can1", 280, 0x80), ("vcan0", 280, 0xC1)):
        folder = tmp_path / "class" / "net" / name
        folder.mkdir(parents=True)
        (folder / "type").write_text(f"{kind}\n")
        (folder / "flags").write_text(f"{flags:#x}\n")
    driver = tmp_path / "drivers" / "gs_usb"
    driver.mkdir(parents=True)
    for name in ("can0", "can1"):
        device = tmp_path / "class" / "net" / name / "device"
        device.mkdir()
        (device / "driver").symlink_to(driver)
    return tmp_path


def test_interfaces_tell_rate_and_state(sys: Path) -> None:
    can0, can1, vcan0 = find_interfaces(sys, IP_OUTPUT)
    assert (can0.name, can0.driver, can0.up, can0.bitrate_hz) == ("can0", "gs_usb", True, 1_000_000)
    assert (can0.state, can0.restart_ms, can0.trouble) == ("ERROR-ACTIVE", 100, "")
    assert not can1.up
    assert can1.trouble.startswith("down: sudo ip link set can1 up type can bitrate 1000000")
    assert (vcan0.driver, vcan0.up, vcan0.bitrate_hz, vcan0.trouble) == ("vcan", True, None, "")


def test_an_interface_off_the_bus_is_named_with_the_remedy(sys: Path) -> None:
    can0, *_ = find_interfaces(sys, IP_OUTPUT.replace("ERROR-ACTIVE", "BUS-OFF"))
    assert "termination" in can0.trouble


@pytest.mark.parametrize("told", ["", "no json", "[]", "{}", '[{"ifname": "can0"}]', '[{"linkinfo": null}]', "[null]"])
def test_without_ip_they_are_listed_all_the_same(sys: Path, told: str) -> None:
    can0, *_ = find_interfaces(sys, told)
    assert (can0.name, can0.up, can0.bitrate_hz, can0.state) == ("can0", True, None, "")


def test_what_is_no_can_interface_is_left_out(tmp_path: Path) -> None:
    assert find_interfaces(tmp_path, IP_OUTPUT) == []
    assert parse_ip(IP_OUTPUT).keys() == {"lo", "can0", "vcan0"}
