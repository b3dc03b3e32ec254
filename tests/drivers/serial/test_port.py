"""The serial port of the operating system, on a pty: deadlines kept, losses told, nobody else let in."""

import errno
import grp
import os
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.serial.port import SerialPort
from drivers.serial.troubles import latency_advice, open_error
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


def test_a_link_is_followed_anew_each_time_the_port_is_opened(tmp_path: Path) -> None:
    link = tmp_path / "usb-1a86_USB_Single_Serial_58FA-if00"
    first, second = Cable(), Cable()
    link.symlink_to(first.path)
    port = SerialPort(str(link), BAUD_HZ)
    with pytest.raises(DeviceError, match="in use by another program"):
        SerialPort(first.path, BAUD_HZ)  # the same one, by its other name
    first.pull()
    with pytest.raises(DeviceLostError, match=f"{link.name} is gone"):
        port.read(1, port.now_ns() + 10**9)
    port.close()
    with pytest.raises(DeviceLostError, match=f"{link.name} is not there"):
        SerialPort(str(link), BAUD_HZ)
    link.unlink()
    link.symlink_to(second.path)
    port = SerialPort(str(link), BAUD_HZ)
    port.write(b"again")
    assert os.read(second.far_fd, 10) == b"again"
    port.close()
    second.pull()


HAVE_IT = """
import sys
from drivers.serial.port import SerialPort
port = SerialPort(sys.argv[1], 1_000_000)
print("mine", flush=True)
sys.stdin.read()
"""


def test_who_has_the_port_is_named(cable: Cable) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HAVE_IT, cable.path],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "mine\n"
    with pytest.raises(DeviceError, match=rf"in use by another program: .*\(process {other.pid}\)"):
        SerialPort(cable.path, BAUD_HZ)
    other.communicate("", timeout=60)


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.EACCES, DeviceError, r"may not be opened by this user; `sudo usermod -aG \w+ \$USER`"),
        (errno.EPERM, DeviceError, "usermod"),
        (errno.EBUSY, DeviceError, r"in use by another program; `sudo fuser -v /nowhere/tty` names it"),
        (errno.EWOULDBLOCK, DeviceError, "in use by another program"),
        (errno.ENOENT, DeviceLostError, "is not there; is the arm plugged in"),
        (errno.ENODEV, DeviceLostError, "is not there"),
        (errno.EIO, DeviceLostError, "is not there"),
        (errno.ENOTTY, DeviceError, "cannot be opened at 1000000 baud"),
    ],
)
def test_what_keeps_a_port_closed_is_named_with_its_remedy(number: int, kind: type[DeviceError], said: str) -> None:
    error = open_error("/nowhere/tty", BAUD_HZ, OSError(number, os.strerror(number)))
    assert type(error) is kind
    with pytest.raises(kind, match=said):
        raise error


def test_the_group_to_join_is_that_of_the_port(cable: Cable) -> None:
    group = grp.getgrgid(Path(cable.path).stat().st_gid).gr_name
    said = str(open_error(cable.path, BAUD_HZ, OSError(errno.EACCES, "")))
    assert f"-aG {'dialout' if group == 'root' else group} " in said


def test_the_ports_that_are_there_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "serial" / "by-id"
    folder.mkdir(parents=True)
    (folder / "usb-other").symlink_to("/dev/null")
    error = open_error("/dev/ttyACM7", BAUD_HZ, OSError(errno.ENOENT, ""), tmp_path)
    assert str(error).endswith(f"There are: {folder}/usb-other")


def sysfs(root: Path, name: str, latency_timer: str | None) -> Path:
    """A sysfs with one port, with a latency timer or without."""
    device = root / "class" / "tty" / name / "device"
    device.mkdir(parents=True)
    if latency_timer is not None:
        (device / "latency_timer").write_text(latency_timer)
    return root


@pytest.mark.parametrize(
    ("latency_timer", "advised"), [("16\n", True), ("2\n", True), ("1\n", False), ("?", False), (None, False)]
)
def test_a_latency_timer_that_stays_long_is_advised_against(
    tmp_path: Path, latency_timer: str | None, *, advised: bool
) -> None:
    advice = latency_advice("/dev/ttyUSB3", sysfs(tmp_path, "ttyUSB3", latency_timer))
    assert (advice is not None) is advised
    if advice is not None:
        assert f"up to {latency_timer.strip()} ms" in advice if latency_timer else False
        assert "/sys/bus/usb-serial/devices/ttyUSB3/latency_timer" in advice
        assert 'DRIVER=="ftdi_sio", ATTR{latency_timer}="1"' in advice


def test_the_advice_is_logged_when_the_port_is_opened(
    cable: Cable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def advise(path: str) -> str:
        return f"{path}: too slow"

    monkeypatch.setattr("drivers.serial.port.latency_advice", advise)
    SerialPort(cable.path, BAUD_HZ).close()
    assert caplog.messages == [f"{cable.path}: too slow"]
