"""The action loop: chunks for a command process that speaks, and a way to rest that starts without a jump."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bench.policy_rig import CommandPeer, SpoiltEngine, wait_until
from interfaces.messages import CommandState
from runtime.command.chunk import position_at
from runtime.policy.bundle import LoadedBundle
from runtime.policy_process import PolicyProcess

StartPolicy = Callable[..., PolicyProcess]


@pytest.mark.parametrize(
    ("state", "start_rad"), [(CommandState.FOLLOWING, 0.3), (CommandState.HOLDING, 0.3), (CommandState.READY, 0.0)]
)
def test_the_way_to_rest_starts_at_the_commanded_pose_where_there_is_one(
    peer: CommandPeer, start_policy: StartPolicy, state: CommandState, start_rad: float
) -> None:
    peer.state, peer.commanded_rad = state, 0.3  # the joints are measured at 0
    start_policy().follow("rest")
    peer.wait_for_chunks(1)
    np.testing.assert_allclose(peer.chunks[0].position_rad[0], start_rad, atol=0.02)


def test_a_new_foresight_is_acted_on_whatever_the_rate(peer: CommandPeer, start_policy: StartPolicy) -> None:
    start_policy(action_rate_hz=0.1).follow("push")
    peer.wait_for_chunks(15)  # by its rate it would take two minutes
    t_captures_ns = [chunk.t_capture_ns for chunk in peer.chunks]
    assert len(set(t_captures_ns)) >= len(t_captures_ns) - 1


def test_chunks_of_a_slow_policy_go_on_along_the_ones_that_are_followed(
    peer: CommandPeer, start_policy: StartPolicy, prefix_bundle: LoadedBundle
) -> None:
    engine = SpoiltEngine(prefix_bundle.action)
    engine.delay_s = 0.15  # three rows
    start_policy(bundle=replace(prefix_bundle, action=engine), chunk_age_max_ms=10_000.0).follow("push")
    peer.wait_for_chunks(8)
    before, chunk = peer.chunks[-2:]
    committed_rad = position_at(before, chunk.t_first_ns)
    assert committed_rad is not None
    assert np.abs(committed_rad).max() > 0.02  # the arm itself stands at 0
    np.testing.assert_allclose(chunk.position_rad[0], committed_rad, atol=1e-5)
    peer.state = CommandState.HOLDING  # and so follows none of them
    peer.wait_for_chunks(3)
    np.testing.assert_allclose(peer.chunks[-1].position_rad[0], 0.0, atol=0.01)


def test_a_command_process_that_is_silent_or_gone_gets_no_chunks(peer: CommandPeer, start_policy: StartPolicy) -> None:
    process = start_policy()
    process.follow("push")
    peer.wait_for_chunks(5)
    peer.speaking = False
    wait_until(lambda: process.status()["faults"] == {"command process": "silent"}, "silence")
    count = len(peer.chunks)
    time.sleep(0.3)
    assert len(peer.chunks) <= count + 1
    peer.close()
    wait_until(lambda: process.status()["faults"] == {"command process": "not there"}, "the end")
    again = CommandPeer(peer.path, peer.n_joints)
    again.wait_for_chunks(5)
    again.close()
