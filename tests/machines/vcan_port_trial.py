"""The CAN port on real SocketCAN: what the kernel says of each trouble, and that the port says it on. Run by uml_can.py."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from drivers.can.bus_off import PATIENCE_NS
from drivers.can.link import CanLink, read_link
from drivers.can.open_port import open_can
from drivers.can.port import CanFrame, CanHealth, CanPort
from drivers.can.socketcan import ERROR_BUS_OFF, ERROR_RESTARTED
from interfaces.errors import BusTimeoutError, DeviceError, DeviceLostError
from sim.can.bus_process import CanBusProcess
from sim.can.nodes import ECHO_OFFSET
from sim.can.server import ERROR, pack_frame, unpack_frame
from tests.machines.can_interface import command, virtual_interface

GENEROUS_NS = 20_000_000_000
FRAMES = [
    CanFrame(0x123, b"\x01\x02"),
    CanFrame(0),
    CanFrame(0x7FF, b"12345678"),
    CanFrame(0x1ABCDEF0, b"\xff" * 8, extended=True),
    CanFrame(0x123, remote=True),
    CanFrame(0x1ABCDEF0, bytes(4), extended=True, remote=True),
]


@pytest.fixture
def interface() -> Iterator[str]:
    with virtual_interface("vcan0") as name:
        yield name


@pytest.fixture
def port(interface: str) -> Iterator[CanPort]:
    port = open_can(interface, 1_000_000)
    yield port
    port.close()


@pytest.fixture
def peer(interface: str) -> Iterator[socket.socket]:
    """A plain socket on the same interface: what another program sees and says."""
    with socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW) as peer:
        peer.bind((interface,))
        peer.settimeout(20.0)
        yield peer


def soon(port: CanPort) -> int:
    return port.now_ns() + GENEROUS_NS


def error_frame(kind: int) -> bytes:
    return struct.pack("=IB3x8s", ERROR | kind, 8, bytes(8))


def test_frames_of_every_kind_go_out_and_come_in(port: CanPort, peer: socket.socket) -> None:
    port.send(FRAMES)
    assert [unpack_frame(peer.recv(16)) for _ in FRAMES] == FRAMES
    for frame in FRAMES:
        peer.send(pack_frame(frame))
    assert [port.receive(soon(port)) for _ in FRAMES] == FRAMES


def test_own_frames_are_not_received(port: CanPort, peer: socket.socket) -> None:
    port.send([FRAMES[0]])
    peer.recv(16)
    assert port.receive(port.now_ns()) is None


def test_a_deadline_is_kept(port: CanPort) -> None:
    t_deadline_ns = port.now_ns() + 3_000_000
    assert port.receive(t_deadline_ns) is None
    assert port.now_ns() >= t_deadline_ns


def test_what_arrived_is_thrown_away(port: CanPort, peer: socket.socket) -> None:
    for frame in FRAMES:
        peer.send(pack_frame(frame))
    port.discard()
    assert port.receive(port.now_ns()) is None


def test_the_kernel_tells_that_a_virtual_interface_has_no_rate(interface: str) -> None:
    assert read_link(interface) == CanLink(name="vcan0", kind="vcan", is_up=True, bitrate_hz=None, restart_ms=None)


def test_error_frames_are_counted(port: CanPort, peer: socket.socket) -> None:
    peer.send(error_frame(0x04))
    peer.send(error_frame(0x88))
    peer.send(pack_frame(FRAMES[0]))
    assert port.receive(soon(port)) == FRAMES[0]
    assert port.health() == CanHealth(error_frames=2, bus_off=0, queue_full=0)


def test_bus_off_is_waited_for_and_the_return_seen(port: CanPort, peer: socket.socket) -> None:
    peer.send(error_frame(ERROR_BUS_OFF))
    assert port.receive(port.now_ns() + 1_000_000) is None
    with pytest.raises(BusTimeoutError, match="off the bus"):
        port.send([FRAMES[0]])
    peer.send(error_frame(ERROR_RESTARTED))
    port.send([FRAMES[0]])
    assert unpack_frame(peer.recv(16)) == FRAMES[0]
    assert port.health().bus_off == 1


def test_bus_off_without_return_is_a_lost_device(port: CanPort, peer: socket.socket) -> None:
    peer.send(error_frame(ERROR_BUS_OFF))
    with pytest.raises(DeviceLostError, match="did not come back within 500 ms; is restart-ms set"):
        port.receive(port.now_ns() + 2 * PATIENCE_NS)


def test_a_full_queue_is_a_time_out_and_not_a_lost_device(port: CanPort, peer: socket.socket) -> None:
    """A shaper in front of the interface: some frames a second leave the queue, and it holds a dozen."""
    command("tc qdisc add dev vcan0 root tbf rate 8kbit burst 100 limit 200")
    with pytest.raises(BusTimeoutError, match=r"vcan0: no room in the queue .* nobody acknowledges .* txqueuelen"):
        port.send([FRAMES[2]] * 200)
    assert port.health().queue_full == 1
    command("tc qdisc del dev vcan0 root")
    peer.settimeout(0.2)
    while drained(peer):
        pass
    peer.settimeout(20.0)
    port.send([FRAMES[0]])
    assert unpack_frame(peer.recv(16)) == FRAMES[0]


def drained(peer: socket.socket) -> bool:
    try:
        return bool(peer.recv(16))
    except TimeoutError:
        return False


def test_a_queue_that_is_full_for_a_moment_is_waited_for(port: CanPort, peer: socket.socket) -> None:
    # 16 bytes a frame: one leaves every 0.5 ms, six fit.
    command("tc qdisc add dev vcan0 root tbf rate 256kbit burst 100 limit 100")
    for i in range(100):
        port.send([CanFrame(i)])
    assert [unpack_frame(peer.recv(16)) for _ in range(100)] == [CanFrame(i) for i in range(100)]
    assert port.health().queue_full > 0


def test_an_interface_that_goes_down_is_lost_and_comes_back(port: CanPort) -> None:
    command("ip link set vcan0 down")
    with pytest.raises(DeviceLostError, match=r"vcan0 is down: ip link set vcan0 up$"):
        port.receive(soon(port))
    with pytest.raises(DeviceLostError, match="vcan0 is down"):
        port.send([FRAMES[0]])
    port.close()
    with pytest.raises(DeviceLostError, match=r"vcan0 is down: ip link set vcan0 up$"):
        open_can("vcan0", 1_000_000)
    command("ip link set vcan0 up")
    open_can("vcan0", 1_000_000).close()


def test_an_interface_that_goes_is_lost(port: CanPort) -> None:
    command("ip link del vcan0")
    with pytest.raises(DeviceLostError):  # first it goes down, then it goes
        port.receive(soon(port))
    for _ in range(2):
        with pytest.raises(DeviceLostError, match=r"vcan0 is (gone|down)"):
            port.send([FRAMES[0]])
    with pytest.raises(DeviceLostError, match="vcan0 is not there"):
        open_can("vcan0", 1_000_000)


def test_an_interface_of_another_kind_is_no_can_bus() -> None:
    with pytest.raises(DeviceError, match=r"lo .*cannot be opened|lo is not there"):
        open_can("lo", 1_000_000)


def test_nodes_in_another_process_answer(interface: str, port: CanPort) -> None:
    with CanBusProcess(f"can:{interface}", "echo:7") as nodes:
        questions = [CanFrame(1 + i, bytes((i,))) for i in range(7)]
        for _ in range(50):
            port.send(questions)
            answers = [port.receive(soon(port)) for _ in questions]
            assert answers == [CanFrame(frame.can_id + ECHO_OFFSET, frame.data) for frame in questions]
        nodes.tell("silence 3")
        port.send(questions)
        answers = [port.receive(soon(port)) for _ in range(6)]
        assert CanFrame(4 + ECHO_OFFSET, bytes((3,))) not in answers
        t_ns = time.monotonic_ns()
        assert port.receive(t_ns + 1_000_000) is None
