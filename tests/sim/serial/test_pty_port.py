"""The pty in this process: paced, in bundles, and free again when its user is gone."""

import fcntl
import os
import select
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from drivers.feetech import protocol
from sim.feetech.bus_process import rigid_servo_bus
from sim.serial.pty_port import PtyPort

GENEROUS_S = 20.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "servo-bus"


@pytest.fixture
def port(path: Path) -> Iterator[PtyPort]:
    port = PtyPort(rigid_servo_bus(), path)
    port.open()
    yield port
    port.close()


def connect(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    settings = termios.tcgetattr(fd)
    settings[4] = settings[5] = termios.B1000000
    termios.tcsetattr(fd, termios.TCSANOW, settings)
    return fd


def receive(fd: int, count: int) -> bytes:
    received = b""
    while len(received) < count and select.select([fd], [], [], GENEROUS_S)[0]:
        received += os.read(fd, count - len(received))
    return received


def test_answers_come_no_sooner_than_the_wire_allows(port: PtyPort, path: Path) -> None:
    del port
    fd = connect(path)
    t_start_ns = time.monotonic_ns()
    os.write(fd, protocol.sync_read(56, 8, range(1, 7)))
    assert len(receive(fd, 84)) == 84
    # 14 bytes out, six answers of 14 bytes, each after the factory's 500 us.
    assert time.monotonic_ns() - t_start_ns >= (14 + 84) * 10_000 + 6 * 500_000
    os.close(fd)


def test_a_link_that_stands_there_is_replaced_and_a_foreign_one_left_alone(path: Path) -> None:
    path.symlink_to("/nowhere")
    port = PtyPort(rigid_servo_bus(), path)
    port.open()
    assert path.resolve().parent == Path("/dev/pts")
    path.unlink()
    path.symlink_to("/elsewhere")
    port.close()
    assert str(path.readlink()) == "/elsewhere"


def test_unplugging_ends_the_hosts_port(port: PtyPort, path: Path) -> None:
    fd = connect(path)
    port.close()
    with pytest.raises(OSError, match="Input/output error"):
        os.write(fd, b"x")
    os.close(fd)
    port.open()
    fd = connect(path)
    os.write(fd, protocol.ping(1))
    assert receive(fd, 6) == protocol.build_packet(1, 0)
    os.close(fd)


def test_a_claim_ends_with_the_process_that_made_it(port: PtyPort, path: Path) -> None:
    del port
    fd = connect(path)
    fcntl.flock(fd, fcntl.LOCK_EX)
    fcntl.ioctl(fd, termios.TIOCEXCL)
    assert claimed(fd)
    time.sleep(0.6)  # the port looks every quarter of a second, and sees the lock
    assert claimed(fd)
    fcntl.flock(fd, fcntl.LOCK_UN)
    t_end_ns = time.monotonic_ns() + round(GENEROUS_S * 1e9)
    while claimed(fd) and time.monotonic_ns() < t_end_ns:
        time.sleep(0.05)
    assert not claimed(fd)
    os.close(fd)


def claimed(fd: int) -> bool:
    """Whether the terminal is for one process alone (TIOCGEXCL)."""
    answer = bytearray(4)
    fcntl.ioctl(fd, 0x80045440, answer)
    return any(answer)


def test_a_host_that_does_not_read_loses_bytes_and_stops_nothing(port: PtyPort, path: Path) -> None:
    del port
    deaf = connect(path)
    os.set_blocking(deaf, False)
    for _ in range(300):
        with suppress(BlockingIOError):
            os.write(deaf, protocol.read(1, 0, 100) * 10)
    os.close(deaf)
    fd = connect(path)
    termios.tcflush(fd, termios.TCIOFLUSH)
    answer = protocol.build_packet(2, 0)
    received = b""
    t_end_ns = time.monotonic_ns() + round(GENEROUS_S * 1e9)
    while answer not in received and time.monotonic_ns() < t_end_ns:
        os.write(fd, protocol.ping(2))
        if select.select([fd], [], [], 0.2)[0]:
            received += os.read(fd, 4096)
    assert answer in received
    os.close(fd)
