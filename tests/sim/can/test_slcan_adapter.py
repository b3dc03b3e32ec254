"""The emulated serial adapter against what Lawicel's CAN232 manual says of each command."""

from __future__ import annotations

import pytest

from drivers.can.load import frame_bits
from drivers.can.port import CanFrame
from sim.can.bus import HOST_QUEUE, CanBus
from sim.can.nodes import EchoNode
from sim.can.slcan_adapter import SlcanAdapter
from sim.serial.bus import Reply

T_NS = 10**9
OK, BELL = b"\r", b"\a"


@pytest.fixture
def adapter() -> SlcanAdapter:
    return SlcanAdapter(CanBus([EchoNode(1), EchoNode(2)]))


@pytest.fixture
def opened(adapter: SlcanAdapter) -> SlcanAdapter:
    assert said(adapter, b"S8\rO\r") == OK + OK
    return adapter


def said(adapter: SlcanAdapter, data: bytes) -> bytes:
    return b"".join(reply.data for reply in adapter.handle(data, T_NS))


def test_the_rate_comes_before_opening_and_not_after(adapter: SlcanAdapter) -> None:
    assert said(adapter, b"O\r") == BELL
    assert said(adapter, b"S9\r") == BELL
    assert said(adapter, b"S6\r") == OK
    assert adapter.bus.host_bitrate_hz == 500_000
    assert said(adapter, b"O\r") == OK
    assert said(adapter, b"O\r") == BELL
    assert said(adapter, b"S8\r") == BELL
    assert said(adapter, b"C\r") == OK
    assert said(adapter, b"C\r") == BELL


def test_version_serial_number_and_time_stamps(adapter: SlcanAdapter) -> None:
    assert said(adapter, b"V\rN\rZ0\r\r") == b"V1013\rNA123\r" + OK + OK
    assert said(adapter, b"Z7\rX1\rq\r") == BELL * 3


def test_a_frame_is_acknowledged_at_once_and_answered_when_the_wire_has_carried_it(opened: SlcanAdapter) -> None:
    wire_ns = 1000 * (frame_bits(CanFrame(1, b"\x11")) + frame_bits(CanFrame(0x401, b"\x11")))
    assert opened.handle(b"t001111\r", T_NS) == [Reply(T_NS, b"z\r"), Reply(T_NS + wire_ns, b"t401111\r")]


def test_an_extended_frame_is_acknowledged_in_capitals(opened: SlcanAdapter) -> None:
    assert said(opened, b"T000000020\r") == b"Z\rT000004020\r"


def test_a_line_may_come_in_pieces(opened: SlcanAdapter) -> None:
    assert said(opened, b"t0") == b""
    assert said(opened, b"010") == b""
    assert said(opened, b"\r") == b"z\rt4010\r"


def test_what_is_no_frame_is_refused(opened: SlcanAdapter) -> None:
    assert said(opened, b"t0019\rt00\rtxyz0\r") == BELL * 3


def test_closed_or_only_listening_it_sends_nothing(adapter: SlcanAdapter) -> None:
    assert said(adapter, b"t0010\r") == BELL
    said(adapter, b"S8\rL\r")
    assert said(adapter, b"t0010\r") == BELL


def test_what_nodes_say_while_it_is_closed_is_lost(opened: SlcanAdapter) -> None:
    opened.bus.faults.delay_ns = 1
    assert said(opened, b"C\r") == OK
    opened.bus.handle([CanFrame(1)], T_NS)
    assert opened.advance(T_NS + 10**9) == []


def test_the_status_tells_of_a_full_queue_and_of_errors_once(opened: SlcanAdapter) -> None:
    assert said(opened, b"F\r") == b"F00\r"
    opened.bus.faults.n_error_frames = 1
    said(opened, b"t0010\r")
    assert said(opened, b"F\r") == b"F80\r"
    assert said(opened, b"F\r") == b"F00\r"
    opened.bus.faults.silent = {0, 1}
    assert said(opened, b"t0010\r" * HOST_QUEUE) == b"z\r" * HOST_QUEUE
    assert said(opened, b"t0010\rF\r") == BELL + b"F22\r"


def test_garbage_comes_before_the_next_line_once(opened: SlcanAdapter) -> None:
    opened.faults.garbage = b"\xff"
    assert said(opened, b"t0010\r") == b"z\r\xfft4010\r"
    assert said(opened, b"t0010\r") == b"z\rt4010\r"


def test_without_power_it_forgets_channel_and_rate(opened: SlcanAdapter) -> None:
    opened.restart()
    assert said(opened, b"t0010\rO\r") == BELL * 2
