"""Requests to the policy process: understood, or refused with what was expected."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.errors import ProtocolError, RefusedError
from runtime.policy.board import PolicyBoard
from runtime.policy.control import (
    AskStatus,
    Follow,
    Request,
    ShowForesight,
    ShowPicture,
    TakeSnapshot,
    parse_request,
)
from runtime.policy.snapshot import save_snapshot

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("asked", "request_"),
    [
        ({"follow": "push"}, Follow("push")),
        ({"follow": None}, Follow(None)),
        ({"status": True}, AskStatus()),
        ({"snapshot": "a.npz"}, TakeSnapshot("a.npz")),
        ({"picture": True}, ShowPicture(None)),
        ({"picture": "wrist"}, ShowPicture("wrist")),
        ({"foresight": True}, ShowForesight()),
    ],
)
def test_requests_are_understood(asked: dict[str, Any], request_: Request) -> None:
    assert parse_request(asked) == request_


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"follow": 3},
        {"status": False},
        {"stop": True},
        {"follow": "push", "status": True},
        {"snapshot": "../a.npz"},
        {"snapshot": "/tmp/a.npz"},
        {"snapshot": "commands.log"},
        {"snapshot": "a\0.npz"},
        {"snapshot": "\ud800.npz"},
        {"picture": 1},
        {"picture": None},
        {"foresight": 1.0},
    ],
)
def test_what_is_no_request_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="expected one of"):
        parse_request(asked)


@given(
    st.dictionaries(st.sampled_from(["follow", "status", "snapshot", "picture", "foresight", "x"]), JSON, max_size=3)
)
def test_any_object_is_a_request_or_refused(asked: dict[str, Any]) -> None:
    with contextlib.suppress(ProtocolError):
        assert isinstance(parse_request(asked), Request)


def test_there_is_no_snapshot_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no snapshot before the first picture"):
        save_snapshot(PolicyBoard(), tmp_path / "seen.npz")
    assert not list(tmp_path.iterdir())
