"""A running command process tells of itself to whoever asks, and nothing that is sent to its sockets ends it."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.command_rig import PATIENCE_S
from bench.faults.process_rig import FaultRig
from interfaces.command_report import CommandReport
from interfaces.messages import CommandState
from interfaces.operator_wire import ORDER_BYTES, OperatorOrder, Order, encode_order
from interfaces.wire import CHUNK_LAYOUT
from runtime.operator_link import OperatorAsker, ask_report


@pytest.fixture(scope="module")
def rig() -> Iterator[FaultRig]:
    """Return one robot for all tests of this file."""
    with tempfile.TemporaryDirectory(prefix="forerun") as folder, FaultRig(Path(folder)) as made:
        yield made


def report_of(rig: FaultRig) -> CommandReport:
    return ask_report(rig.folder / "operator.sock", PATIENCE_S)


def wait_until(rig: FaultRig, condition: Callable[[CommandReport], bool]) -> CommandReport:
    t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
    while not condition(report := report_of(rig)):
        assert time.monotonic_ns() < t_end_ns, report
        time.sleep(0.02)
    return report


def test_it_tells_what_it_follows_how_fast_and_how_old(rig: FaultRig) -> None:
    rig.hand.swing_for(1.2)
    status = rig.hand.swing_fast()
    t_asked_ns = time.monotonic_ns()
    report = report_of(rig)
    assert report.state in {CommandState.FOLLOWING, CommandState.HOLDING}  # a busy machine may let it starve
    assert (report.robot, report.pid, report.n_joints) == ("simulated", rig.pid, 6)
    assert report.policy_connected
    assert report.rate_asked_hz == 100.0
    assert 0 < report.rate_hz <= 110
    assert report.late_p99_ns >= 0
    assert report.t_started_ns < report.t_state_ns <= report.t_report_ns
    assert t_asked_ns <= report.t_report_ns <= time.monotonic_ns()
    assert report.sequence >= status.sequence
    assert report.joints is not None
    assert report.joints_age_ns is not None
    assert (report.joints.voltage_v == 12.0).all()
    np.testing.assert_allclose(report.joints.position_rad[1:], report.commanded_rad[1:], atol=0.01)
    if report.state is CommandState.FOLLOWING:
        assert report.why.startswith("chunk ")
        assert report.chunk_sequence > 0
        assert 0 < report.chunk_age_ns < report.frame_age_ns
    assert not report.dry_run
    assert not report.bus_lost
    assert report.estop_pressed == ""
    assert "core" in report.realtime


def test_a_fault_is_told_with_its_reason_and_remembered_when_it_is_cleared(rig: FaultRig) -> None:
    before = report_of(rig)
    rig.servos.tell("unplug")
    lost = wait_until(rig, lambda report: report.state is CommandState.FAULT)
    assert lost.bus_lost
    assert "servo-bus" in lost.bus_fault
    assert lost.bus_errors > before.bus_errors
    assert before.t_report_ns < lost.t_fault_ns <= lost.t_report_ns
    assert "servo-bus" in lost.last_fault
    rig.servos.tell("plug")
    rig.command.clear()
    cleared = wait_until(rig, lambda report: report.state is CommandState.READY)
    assert (cleared.last_fault, cleared.t_fault_ns) == (lost.last_fault, lost.t_fault_ns)
    assert not cleared.bus_lost
    wait_until(rig, lambda report: report.bus_errors_in_a_row == 0)


def test_many_ask_at_once_and_each_is_answered(rig: FaultRig) -> None:
    with contextlib.ExitStack() as stack:
        askers = [
            stack.enter_context(contextlib.closing(OperatorAsker(rig.folder / "operator.sock"))) for _ in range(8)
        ]
        for _ in range(10):
            for asker in askers:
                asker.send(OperatorOrder(order=Order.REPORT))
            reports = [asker.receive_report(PATIENCE_S) for asker in askers]
            assert all(report is not None and report.pid == rig.pid for report in reports)


@st.composite
def spoiled_orders(draw: st.DrawFn) -> bytes:
    data = bytearray(encode_order(OperatorOrder(order=draw(st.sampled_from(Order)), why=draw(st.text(max_size=40)))))
    for at in draw(st.lists(st.integers(0, ORDER_BYTES - 1), max_size=4)):
        data[at] = draw(st.integers(0, 255))
    return bytes(data)


GARBAGE = st.one_of(st.binary(max_size=ORDER_BYTES + 8), spoiled_orders())
NO_CHUNK = st.one_of(
    st.binary(min_size=1, max_size=64), st.binary(min_size=CHUNK_LAYOUT.itemsize, max_size=CHUNK_LAYOUT.itemsize)
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
@given(orders=st.lists(GARBAGE, max_size=8), chunks=st.lists(NO_CHUNK, max_size=3))
def test_garbage_ends_nothing(rig: FaultRig, orders: list[bytes], chunks: list[bytes]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as vandal:
        vandal.bind("")  # it is answered, and never reads
        for data in orders:
            vandal.sendto(data, str(rig.folder / "operator.sock"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(str(rig.folder / "command.sock"))
        for data in chunks:
            with contextlib.suppress(OSError):  # another connection may have taken its place
                stranger.send(data)
    assert report_of(rig).pid == rig.pid
    assert rig.command.process.poll() is None
