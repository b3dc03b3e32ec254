"""Faults are said once, and are over when what failed works again."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from interfaces.messages import Frame
from runtime.policy.board import PolicyBoard


def test_a_fault_is_said_once_until_it_changes_or_is_over(caplog: pytest.LogCaptureFixture) -> None:
    board = PolicyBoard()
    for text in ("unplugged", "unplugged", "no device", "no device"):
        board.fault("camera", text)
    assert caplog.messages == ["camera: unplugged", "camera: no device"]
    assert board.faults == {"camera": "no device"}


def test_what_works_again_is_said_once_and_the_last_fault_remembered(caplog: pytest.LogCaptureFixture) -> None:
    board = PolicyBoard()
    board.over("camera")
    assert caplog.messages == []
    board.fault("camera", "unplugged")
    board.fault("engine", "broke")
    board.over("camera")
    board.over("camera")
    assert board.faults == {"engine": "broke"}
    assert board.last_fault == "broke"
    assert caplog.messages[2:] == ["camera: works again"]


def test_it_sees_while_frames_come(make_frame: Callable[..., Frame]) -> None:
    board, s = PolicyBoard(), 1_000_000_000
    board.ready = True  # as without a camera, after some patience
    assert not board.sees(0)
    board.frames.put((replace(make_frame(), t_arrival_ns=s), make_frame()))
    assert board.sees(s)
    assert board.sees(2 * s)
    assert not board.sees(4 * s)
