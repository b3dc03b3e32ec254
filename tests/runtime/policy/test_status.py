"""The status is whole JSON from the first moment on, and says what the process does."""

import json
from collections.abc import Callable

from bench.policy_rig import CommandPeer
from runtime.policy.board import PolicyBoard
from runtime.policy.status import describe
from runtime.policy_process import PolicyProcess

StartPolicy = Callable[..., PolicyProcess]


def test_before_anything_happened_it_is_whole() -> None:
    status = describe(PolicyBoard(), 0)
    assert json.loads(json.dumps(status)) == status
    assert status["foresight"] == {"count": 0, "rate_hz": 0.0, "p50_ms": None, "p99_ms": None}


def test_the_status_says_what_it_does(peer: CommandPeer, start_policy: StartPolicy) -> None:
    process = start_policy()
    process.follow("lift")
    peer.wait_for_chunks(20)
    status = process.status()
    assert json.loads(json.dumps(status)) == status
    assert status["instruction"] == "lift"
    assert status["command_state"] == "FOLLOWING"
    assert status["joints_rad"] == [0.0] * 6
    assert status["chunk_sequence"] >= 20
    assert status["camera"]["clock"] == "global"
    for loop in ("camera", "foresight", "action"):
        assert status[loop]["count"] > 0
        assert status[loop]["rate_hz"] > 0
        assert 0 < status[loop]["p50_ms"] <= status[loop]["p99_ms"]
    assert 20 <= status["foresight_age"]["p50_ms"] <= status["foresight_age"]["p99_ms"]
