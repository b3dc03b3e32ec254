"""The kernel's own driver of serial adapters on the emulated adapter: a real interface with a bit rate, that goes off the bus.

A referee for the adapter, and for the port the nearest thing to a controller: bit rate, restart, error frames, and states are the
kernel's. Run by uml_can.py.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.can.link import read_link
from drivers.can.open_port import open_can
from drivers.can.port import CanFrame, CanPort
from interfaces.errors import DeviceLostError, RefusedError
from sim.can.bus_process import CanBusProcess
from sim.can.nodes import ECHO_OFFSET
from tests.machines.can_interface import command

TIOCSETD, N_SLCAN, SIOCGIFNAME = 0x5423, 17, 0x8910
GENEROUS_NS = 20_000_000_000
REQUEST, ANSWER = CanFrame(1, b"\x12\x34"), CanFrame(1 + ECHO_OFFSET, b"\x12\x34")


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[CanBusProcess]:
    with CanBusProcess(tmp_path / "adapter", "echo:3") as process:
        yield process


@pytest.fixture
def interface(adapter: CanBusProcess) -> Iterator[str]:
    """The interface that the kernel makes of the adapter, at 1 Mbit/s and down; as slcand does it."""
    fd = os.open(adapter.path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    fcntl.ioctl(fd, TIOCSETD, struct.pack("i", N_SLCAN))
    name = fcntl.ioctl(fd, SIOCGIFNAME, bytes(40)).split(b"\0")[0].decode()
    command(f"ip link set {name} type can bitrate 1000000")
    yield name
    subprocess.run(["ip", "link", "set", name, "down"], capture_output=True, check=False)  # it may be gone
    os.close(fd)


@pytest.fixture
def port(interface: str) -> Iterator[CanPort]:
    command(f"ip link set {interface} up")
    port = open_can(interface, 1_000_000)
    yield port
    port.close()


def soon(port: CanPort) -> int:
    return port.now_ns() + GENEROUS_NS


def test_the_kernel_speaks_with_our_adapter(port: CanPort) -> None:
    for frame in (REQUEST, CanFrame(2, b"12345678", extended=True), CanFrame(3)):
        port.send([frame])
        assert port.receive(soon(port)) == CanFrame(frame.can_id + ECHO_OFFSET, frame.data, frame.extended)


def test_rate_and_restart_are_read_from_the_kernel(interface: str) -> None:
    link = read_link(interface)
    assert (link.bitrate_hz, link.restart_ms, link.is_up) == (1_000_000, 0, False)


def test_an_interface_that_is_down_is_named_with_the_command_that_helps(interface: str) -> None:
    remedy = f"{interface} is down: ip link set {interface} up type can bitrate 1000000 restart-ms 100"
    with pytest.raises(DeviceLostError, match=remedy):
        open_can(interface, 1_000_000)


def test_another_rate_is_refused_and_both_are_named(interface: str) -> None:
    command(f"ip link set {interface} up")
    with pytest.raises(RefusedError, match=f"{interface} runs at 1000000 bit/s, the robot file says 500000"):
        open_can(interface, 500_000)


def test_errors_on_the_wire_are_counted(port: CanPort, adapter: CanBusProcess) -> None:
    adapter.tell("noise " + b"e1a\re2bc\r".hex())
    port.send([REQUEST])
    assert port.receive(soon(port)) == ANSWER
    assert port.health().error_frames == 2


def test_off_the_bus_for_good_is_lost_with_the_remedy(port: CanPort, adapter: CanBusProcess) -> None:
    adapter.tell("states")
    adapter.tell("off")
    with pytest.raises(DeviceLostError, match=r"is off the bus: .* and stays off: .* restart-ms 100"):
        receive_all(port)
    assert port.health().bus_off == 1


def test_an_adapter_that_is_pulled_is_lost(port: CanPort, adapter: CanBusProcess) -> None:
    adapter.tell("unplug")
    with pytest.raises(DeviceLostError):
        receive_all(port)


def receive_all(port: CanPort) -> None:
    """Receive for a while."""
    t_end_ns = soon(port)
    while port.now_ns() < t_end_ns:
        port.receive(port.now_ns() + 100_000_000)
