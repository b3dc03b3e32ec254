"""The frames of the kernel's sockets, against python-can's own packing, and the nodes by name; served they are in tests/machines/."""

from __future__ import annotations

import can
import pytest
from can.interfaces.socketcan.socketcan import build_can_frame, dissect_can_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.can.port import CanFrame
from sim.can.bus import Arrival, CanBus
from sim.can.nodes import ECHO_OFFSET, make_nodes
from sim.can.server import ERROR, pack_frame, unpack_frame


@st.composite
def frames(draw: st.DrawFn) -> CanFrame:
    extended, remote = draw(st.booleans()), draw(st.booleans())
    can_id = draw(st.integers(0, 2**29 - 1 if extended else 2**11 - 1))
    return CanFrame(can_id, draw(st.integers(0, 8).map(bytes) if remote else st.binary(max_size=8)), extended, remote)


@settings(deadline=None)
@given(frames())
def test_frames_are_packed_as_python_can_packs_them(frame: CanFrame) -> None:
    message = can.Message(
        arbitration_id=frame.can_id,
        is_extended_id=frame.extended,
        is_remote_frame=frame.remote,
        dlc=len(frame.data),
        data=None if frame.remote else frame.data,
    )
    packed, theirs = pack_frame(frame), build_can_frame(message)
    # They put the length into the byte `len8_dlc`, too, which the kernel reads for 9 and more only.
    assert packed[:7] + packed[8:] == theirs[:7] + theirs[8:]
    assert unpack_frame(pack_frame(frame)) == frame
    _, length, _, data = dissect_can_frame(pack_frame(frame))
    assert (length, bytes(data)) == (len(frame.data), frame.data)


def test_the_news_of_an_error_is_no_frame() -> None:
    message = can.Message(arbitration_id=0x04, is_error_frame=True, data=bytes(8))
    data = build_can_frame(message)
    assert int.from_bytes(data[:4], "little") & ERROR
    assert unpack_frame(data) is None


def test_nodes_are_made_by_name() -> None:
    bus = CanBus(make_nodes("echo:2,damiao:3"))
    assert len(bus.nodes) == 5
    [arrival] = bus.handle([CanFrame(2, b"?")], 10**9)
    assert isinstance(arrival, Arrival)
    assert arrival.frame == CanFrame(2 + ECHO_OFFSET, b"?")


def test_a_kind_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError, match="robot"):
        make_nodes("robot:1")
