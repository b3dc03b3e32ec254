"""The serial port of the operating system, on a pty: deadlines kept, losses told, nobody else let in."""

import os
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.serial_port import SerialPort
from interfaces.errors import DeviceError, DeviceLostError

BAUD_HZ = 1_000_000


class Cable:
    """A pty: the far end, and the name of the near one."""

    def __init__(self) -> None:
        self.far_fd, self._near_fd = os.openpty()
        tty.setraw(self._near_fd)
        self.path = os.ttyname(self._near_fd)

    def pull(self) -> None:
        """Close both ends; twice is no error."""
        if self.far_fd >= 0:
            os.close(self._near_fd)
            os.close(self.far_fd)
            self.far_fd = -1


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    cable.pull()


@pytest.fixture
def port(cable: Cable) -> Iterator[SerialPort]:
    port = SerialPort(cable.path, BAUD_HZ)
    yield port
    port.close()


def test_bytes_go_out_and_come_in(port: SerialPort, cable: Cable) -> None:
    port.write(b"ask")
    assert os.read(cable.far_fd, 10) == b"ask"
    os.write(cable.far_fd, b"answer")
    assert port.read(6, port.now_ns() + 10**10) == b"answer"


def test_what_did_not_come_by_the_deadline_is_not_waited_for(port: SerialPort, cable: Cable) -> None:
    os.write(cable.far_fd, b"ans")
    t_start_ns = time.monotonic_ns()
    assert port.read(6, t_start_ns + 30_000_000) == b"ans"
    assert 30_000_000 <= time.monotonic_ns() - t_start_ns < 10**10


def test_a_deadline_long_past_still_gives_what_is_there(port: SerialPort, cable: Cable) -> None:
    os.write(cable.far_fd, b"answer")
    assert port.read(1, port.now_ns() + 10**10) == b"a"  # the rest has arrived too
    assert port.read(5, port.now_ns() - 10**9) == b"nswer"


def test_old_bytes_can_be_thrown_away(port: SerialPort, cable: Cable) -> None:
    os.write(cable.far_fd, b"old")
    assert port.read(1, port.now_ns() + 10**10) == b"o"
    port.discard()
    assert port.read(1, port.now_ns() + 10_000_000) == b""


def test_a_second_user_is_refused(port: SerialPort, cable: Cable) -> None:
    with pytest.raises(DeviceError, match="in use by another program"):
        SerialPort(cable.path, BAUD_HZ)
    port.close()
    SerialPort(cable.path, BAUD_HZ).close()


def test_a_pulled_cable_is_a_lost_device_whatever_is_called(port: SerialPort, cable: Cable) -> None:
    cable.pull()
    for call in (lambda: port.write(b"x"), lambda: port.read(1, port.now_ns() + 10**9), port.discard):
        with pytest.raises(DeviceLostError, match=f"{cable.path} is gone"):
            call()


def test_a_closed_port_is_a_lost_device_too(port: SerialPort) -> None:
    port.close()
    port.close()
    for call in (lambda: port.write(b"x"), lambda: port.read(1, port.now_ns() + 10**9), port.discard):
        with pytest.raises(DeviceLostError, match="is gone"):
            call()


def test_a_port_that_is_not_there_is_a_lost_device(tmp_path: Path) -> None:
    with pytest.raises(DeviceLostError, match="is not there; is the arm plugged in"):
        SerialPort(str(tmp_path / "none"), BAUD_HZ)


def test_a_far_end_that_takes_nothing_does_not_hold_the_caller(port: SerialPort) -> None:
    t_start_ns = time.monotonic_ns()
    with pytest.raises(DeviceError, match="could not be sent in time"):
        port.write(bytes(10**6))
    assert time.monotonic_ns() - t_start_ns < 10**10
