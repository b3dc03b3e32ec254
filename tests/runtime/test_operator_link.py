"""Orders and answers between a person and the command process: nobody waits, nobody is disturbed by nonsense or by the dead."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from interfaces.command_report import CommandReport, ReportEncoder
from interfaces.errors import DeviceError, RefusedError
from interfaces.messages import CommandState
from interfaces.operator_wire import ORDER_BYTES, OperatorAnswer, OperatorOrder, Order, encode_order
from runtime.operator_link import OperatorAsker, OperatorListener, ask, ask_report

REPORT = CommandReport(
    sequence=1,
    t_report_ns=2,
    t_started_ns=1,
    pid=1,
    robot="arm",
    dry_run=False,
    state=CommandState.READY,
    why="armed",
    t_state_ns=1,
    n_joints=2,
    joints=None,
    commanded_rad=np.zeros(2),
    rate_asked_hz=100.0,
    rate_hz=100.0,
    missed=0,
    late_p99_ns=1,
    bus_lost=False,
    bus_fault="",
    bus_errors=0,
    bus_errors_in_a_row=0,
    policy_connected=False,
    chunk_sequence=0,
    chunk_age_ns=-1,
    frame_age_ns=-1,
    last_fault="",
    t_fault_ns=0,
    realtime="",
    locked_kb=0,
    estop_pressed="",
)
DONE = OperatorAnswer(done=True, state=CommandState.ESTOP, text="the cat")


@pytest.fixture
def path() -> Iterator[Path]:
    """Return where to listen, with a name short enough."""
    with tempfile.TemporaryDirectory(prefix="forerun") as name:
        yield Path(name) / "operator.sock"


@pytest.fixture
def listener(path: Path) -> Iterator[OperatorListener]:
    """Return the command process's end."""
    with closing(OperatorListener(path)) as made:
        yield made


def test_an_order_arrives_and_its_answer_comes_back(path: Path, listener: OperatorListener) -> None:
    with closing(OperatorAsker(path)) as asker:
        assert listener.receive() is None
        asker.send(OperatorOrder(order=Order.ESTOP, why="the cat"))
        assert listener.receive() == OperatorOrder(order=Order.ESTOP, why="the cat")
        assert asker.receive(0.0) is None
        listener.answer(DONE)
        assert asker.receive(5.0) == DONE


def test_each_asker_gets_its_own_answer(path: Path, listener: OperatorListener) -> None:
    with closing(OperatorAsker(path)) as one, closing(OperatorAsker(path)) as other:
        for asker, text in ((one, "one"), (other, "other")):
            asker.send(OperatorOrder(order=Order.STATUS, why=text))
        for _ in range(2):
            order = listener.receive()
            assert order is not None
            listener.answer(OperatorAnswer(done=True, state=CommandState.READY, text=order.why))
        answers = [asker.receive(5.0) for asker in (one, other)]
    assert [answer.text for answer in answers if answer] == ["one", "other"]


def test_an_asker_that_died_is_nobody_to_answer_and_no_trouble(path: Path, listener: OperatorListener) -> None:
    asker = OperatorAsker(path)
    asker.send(OperatorOrder(order=Order.ESTOP))
    asker.close()
    assert listener.receive() == OperatorOrder(order=Order.ESTOP)
    listener.answer(DONE)
    assert listener.receive() is None


def test_an_asker_that_never_reads_does_not_hold_us_up(path: Path, listener: OperatorListener) -> None:
    with closing(OperatorAsker(path)) as asker:
        for _ in range(2000):  # more answers than any queue takes
            asker.send(OperatorOrder(order=Order.STATUS))
            assert listener.receive() is not None
            listener.answer(DONE)
        assert asker.receive(0.0) == DONE


def test_one_without_an_address_may_stop_the_arm_all_the_same(path: Path, listener: OperatorListener) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless:
        nameless.sendto(encode_order(OperatorOrder(order=Order.ESTOP)), str(path))
    assert listener.receive() == OperatorOrder(order=Order.ESTOP)
    listener.answer(DONE)


def garbage() -> list[bytes]:
    order = encode_order(OperatorOrder(order=Order.ESTOP, why="x"))
    return [
        b"",
        b"stop!",
        order[:-1],
        order + b"\0",
        bytes(ORDER_BYTES),
        b"\xff" * ORDER_BYTES,
        os.urandom(3 * ORDER_BYTES),
    ]


def test_garbage_is_passed_over_and_hides_no_order(path: Path, listener: OperatorListener) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as vandal, closing(OperatorAsker(path)) as asker:
        for data in garbage():
            vandal.sendto(data, str(path))
        asker.send(OperatorOrder(order=Order.ESTOP))
        assert listener.receive() == OperatorOrder(order=Order.ESTOP)
        listener.answer(DONE)
        assert asker.receive(5.0) == DONE
    assert listener.receive() is None


def test_an_unknown_order_and_words_that_are_no_text_are_survived(path: Path, listener: OperatorListener) -> None:
    order = bytearray(encode_order(OperatorOrder(order=Order.ESTOP, why="?")))
    at = order.rindex(b"?")
    unknown = bytearray(order)
    unknown[at - 2 : at] = (99).to_bytes(2, "little")
    order[at] = 0xFF
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as odd:
        odd.sendto(bytes(unknown), str(path))
        odd.sendto(bytes(order), str(path))
    assert listener.receive() == OperatorOrder(order=Order.ESTOP, why="\N{REPLACEMENT CHARACTER}")


def test_a_reason_is_cut_and_not_refused(path: Path, listener: OperatorListener) -> None:
    with closing(OperatorAsker(path)) as asker:
        asker.send(OperatorOrder(order=Order.ESTOP, why="é" * 500))
    order = listener.receive()
    assert order is not None
    assert order.why.startswith("é" * 79)


def test_a_full_queue_is_an_error_at_once_and_not_a_wait(path: Path, listener: OperatorListener) -> None:
    del listener  # stopped, hanging: it reads nothing

    def ask_on(asker: OperatorAsker) -> None:
        for _ in range(100_000):
            asker.send(OperatorOrder(order=Order.STATUS))

    with closing(OperatorAsker(path)) as asker, pytest.raises(DeviceError, match="takes no order"):
        ask_on(asker)


def test_nobody_there_is_said_at_once_and_nobody_answering_in_time(path: Path) -> None:
    with pytest.raises(DeviceError, match=r"no command process at .*operator\.sock"):
        ask(path, OperatorOrder(order=Order.STATUS))
    with closing(OperatorListener(path)), pytest.raises(DeviceError, match=r"did not answer within 0\.1 s"):
        ask(path, OperatorOrder(order=Order.STATUS), timeout_s=0.1)


def test_an_answer_that_is_none_is_an_error(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as strange:
        strange.bind(str(path))
        with closing(OperatorAsker(path)) as asker:
            asker.send(OperatorOrder(order=Order.STATUS))
            strange.sendto(b"hm", strange.recvfrom(1000)[1])
            with pytest.raises(DeviceError, match="answers strangely"):
                asker.receive(5.0)


def test_it_takes_over_from_one_that_was_killed_and_leaves_nothing(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(path))
    with closing(OperatorListener(path)) as listener:
        with closing(OperatorAsker(path)) as asker:
            asker.send(OperatorOrder(order=Order.CLEAR))
        assert listener.receive() == OperatorOrder(order=Order.CLEAR)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


def test_where_it_cannot_listen_it_says_so(path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot listen at"):
        OperatorListener(path.parent / "nowhere" / "operator.sock")


def test_whoever_asks_for_a_report_gets_one_and_the_others_their_answers(
    path: Path, listener: OperatorListener
) -> None:
    with closing(OperatorAsker(path)) as asker, closing(OperatorAsker(path)) as other:
        asker.send(OperatorOrder(order=Order.REPORT))
        assert listener.receive() == OperatorOrder(order=Order.REPORT)
        listener.reply(ReportEncoder().encode(REPORT))
        other.send(OperatorOrder(order=Order.STATUS))
        assert listener.receive() == OperatorOrder(order=Order.STATUS)
        listener.answer(DONE)
        report, answer = asker.receive_report(5.0), other.receive(5.0)
    assert report is not None
    assert (report.why, report.n_joints, answer) == (REPORT.why, 2, DONE)


def test_a_command_process_that_knows_no_report_is_an_error_and_one_that_is_silent(
    path: Path, listener: OperatorListener
) -> None:
    with pytest.raises(DeviceError, match=r"did not answer within 0\.1 s"):
        ask_report(path, timeout_s=0.1)
    assert listener.receive() is not None
    with closing(OperatorAsker(path)) as asker:
        asker.send(OperatorOrder(order=Order.REPORT))
        assert listener.receive() is not None
        listener.answer(DONE)
        with pytest.raises(DeviceError, match="answers strangely"):
            asker.receive_report(5.0)
