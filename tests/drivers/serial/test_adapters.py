"""Serial adapters as sysfs tells of them: chip, timer, stable name, and who has them open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from drivers.serial.adapters import describe_port, find_adapters


class Machine:
    """A sysfs and a /dev of a machine with adapters plugged in."""

    def __init__(self, root: Path) -> None:
        self.sys, self.dev = root / "sys", root / "dev"
        (self.sys / "class" / "tty" / "ttyS0").mkdir(parents=True)
        (self.dev / "serial" / "by-id").mkdir(parents=True)
        (self.dev / "serial" / "by-path").mkdir()

    def plug(self, name: str, usb_id: str, driver: str, *, latency_ms: int | None = None, serial: str = "") -> Path:
        """Return the device file."""
        usb = self.sys / "devices" / f"usb-{name}"
        interface = usb / "1-1:1.0"
        port = interface / name if name.startswith("ttyUSB") else interface
        port.mkdir(parents=True)
        vendor, product = usb_id.split(":")
        for key, value in {"idVendor": vendor, "idProduct": product, "product": "A board", "serial": serial}.items():
            if value:
                (usb / key).write_text(value + "\n")
        (self.sys / "drivers" / driver).mkdir(parents=True, exist_ok=True)
        (port / "driver").symlink_to(self.sys / "drivers" / driver)
        if latency_ms is not None:
            (port / "latency_timer").write_text(f"{latency_ms}\n")
        entry = self.sys / "class" / "tty" / name
        entry.mkdir()
        (entry / "device").symlink_to(port)
        device = self.dev / name
        device.touch()
        if serial:
            (self.dev / "serial" / "by-id" / f"usb-A_board_{serial}-if00").symlink_to(device)
        (self.dev / "serial" / "by-path" / f"pci-0-usb-{name}").symlink_to(device)
        return device


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_ftdi_adapter_tells_its_timer_and_keeps_its_name(machine: Machine) -> None:
    machine.plug("ttyUSB0", "0403:6014", "ftdi_sio", latency_ms=16, serial="FT4TFRDA")
    (adapter,) = find_adapters(machine.sys, machine.dev)
    assert adapter.path.endswith("serial/by-id/usb-A_board_FT4TFRDA-if00")
    assert adapter.device.endswith("dev/ttyUSB0")
    assert (adapter.chip, adapter.usb_id) == ("FTDI FT232H (as in ROBOTIS U2D2)", "0403:6014")
    assert (adapter.driver, adapter.latency_ms, adapter.serial) == ("ftdi_sio", 16, "FT4TFRDA")
    assert adapter.permitted
    assert adapter.holders == ()
    assert not adapter.is_can


def test_an_adapter_without_a_serial_number_is_named_by_its_socket(machine: Machine) -> None:
    machine.plug("ttyACM0", "1a86:55d3", "cdc_acm")
    (adapter,) = find_adapters(machine.sys, machine.dev)
    assert adapter.path.endswith("serial/by-path/pci-0-usb-ttyACM0")
    assert adapter.latency_ms is None


def test_a_chip_that_is_not_known_is_shown_in_its_own_words(machine: Machine) -> None:
    machine.plug("ttyACM3", "dead:beef", "cdc_acm")
    (adapter,) = find_adapters(machine.sys, machine.dev)
    assert (adapter.chip, adapter.usb_id) == ("A board", "dead:beef")


def test_adapters_come_in_the_order_of_their_numbers_and_can_is_told_apart(machine: Machine) -> None:
    for number in (10, 2, 1):
        machine.plug(f"ttyUSB{number}", "1a86:7523", "ch341")
    machine.plug("ttyACM0", "16d0:117e", "cdc_acm")
    adapters = find_adapters(machine.sys, machine.dev)
    assert [Path(a.device).name for a in adapters] == ["ttyACM0", "ttyUSB1", "ttyUSB2", "ttyUSB10"]
    assert [a.is_can for a in adapters] == [True, False, False, False]


def test_who_has_it_open_is_named(machine: Machine) -> None:
    device = machine.plug("ttyUSB0", "1a86:7523", "ch341")
    script = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(device)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (adapter,) = find_adapters(machine.sys, machine.dev)
        process.communicate("")
    assert [holder.pid for holder in adapter.holders] == [process.pid]


def test_a_port_that_is_asked_for_need_not_be_on_usb(machine: Machine, tmp_path: Path) -> None:
    pty = tmp_path / "pty"
    pty.touch()
    port = describe_port(str(pty), machine.sys, machine.dev)
    assert (port.path, port.chip, port.latency_ms) == (str(pty), "not a USB adapter", None)
    device = machine.plug("ttyUSB0", "1a86:7523", "ch341")
    assert describe_port(str(device), machine.sys, machine.dev).chip == "WCH CH340"


def test_a_machine_without_adapters_has_none(tmp_path: Path) -> None:
    assert find_adapters(tmp_path / "sys", tmp_path / "dev") == []
