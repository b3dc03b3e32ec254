"""What the robot file may call a CAN bus, and what is said where there is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from drivers.can.open_port import open_can
from interfaces.errors import DeviceError, DeviceLostError, RefusedError


def test_an_interface_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceLostError, match="no-such-can is not there"):
        open_can("no-such-can", 1_000_000)


def test_an_interface_that_is_none_of_can_is_refused() -> None:
    """Whether by a kernel without SocketCAN or by one with it."""
    with pytest.raises(DeviceError, match=r"lo .*cannot be opened"):
        open_can("lo", 1_000_000)


def test_a_serial_port_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceLostError, match="/dev/no-such-port is not there"):
        open_can("slcan:/dev/no-such-port", 1_000_000)


@pytest.mark.parametrize("port", ["slcan:", "virtual:", "pcan:1", "vector:0", ":can0"])
def test_what_is_no_bus_is_refused_and_the_names_of_buses_said(port: str) -> None:
    with pytest.raises(RefusedError, match="one is called can0, slcan:/dev/ttyACM0 or virtual:NAME"):
        open_can(port, 1_000_000)


def test_a_serial_adapter_needs_no_python_can() -> None:
    code = "import sys, drivers.can.open_port; sys.exit('can' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
