"""A policy that is wrong, over the real socket: what must not be followed is held against, what may be is followed within limits."""

import socket
import time
from dataclasses import replace

import numpy as np
import pytest

from bench.faults.hand_policy import Spoil, constant, poisoned, untouched
from bench.faults.process_rig import FaultRig
from bench.swinging_policy import swing
from interfaces.messages import CommandState
from interfaces.wire import encode_chunk

MS = 1_000_000
HOLD_MAX_MS = 100.0
SPOILED_S = 0.35  # longer than a chunk may be old

REFUSED: dict[str, tuple[Spoil, str]] = {
    "nan": (poisoned(np.nan), "is not finite"),
    "inf": (poisoned(np.inf), "is not finite"),
    "-inf": (poisoned(-np.inf), "is not finite"),
    "no angle": (constant(1e6), "is no pose: 1e+06 rad"),
    "as far as floats go": (constant(-1.7e308), "is no pose: 1.7e+308 rad"),
    "too few joints": (lambda chunk: replace(chunk, position_rad=chunk.position_rad[:, :5]), "moves 5 joints"),
    "future": (lambda chunk: replace(chunk, t_state_ns=chunk.t_state_ns + 10_000 * MS), "in the future"),
    "old foresight": (lambda chunk: replace(chunk, foresight_age_ns=10_000 * MS), "foresight 10000 ms old"),
    "past its last row": (lambda chunk: replace(chunk, t_first_ns=chunk.t_first_ns - 5_000 * MS), "past its last row"),
}
FOLLOWED: dict[str, Spoil] = {
    "constant": constant(0.3),
    "just outside": constant(2.0),
    "far outside": constant(900.0),
    "everywhere at once": lambda chunk: replace(
        chunk, position_rad=np.random.default_rng(chunk.sequence).uniform(-9, 9, chunk.position_rad.shape)
    ),
}


def test_what_must_not_be_followed_is_held_against_at_once(rig: FaultRig) -> None:
    spoiled = list[tuple[str, int]]()
    for name, (spoil, _) in REFUSED.items():
        rig.hand.spoil = untouched
        rig.hand.swing_fast()
        rig.hand.spoil = spoil
        spoiled.append((name, time.monotonic_ns()))
        rig.hand.swing_for(SPOILED_S)
    rig.hand.spoil = untouched
    rig.hand.swing_until(CommandState.FOLLOWING)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    for name, t_ns in spoiled:
        assert evidence.hold_after_ms(t_ns) <= HOLD_MAX_MS, name
        assert REFUSED[name][1] in evidence.said
    assert "FAULT" not in evidence.said


def test_whatever_else_is_followed_within_the_limits(rig: FaultRig) -> None:
    for spoil in FOLLOWED.values():
        rig.hand.spoil = untouched
        rig.hand.swing_fast()
        rig.hand.spoil = spoil
        assert rig.hand.swing_for(SPOILED_S).state is CommandState.FOLLOWING
    rig.hand.spoil = untouched
    rig.hand.swing_for(0.2)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    assert evidence.worst().velocity_ratio > 0.9  # it was driven to its limits


@pytest.mark.parametrize(("delay_ms", "state"), [(150, CommandState.FOLLOWING), (300, CommandState.HOLDING)])
def test_late_chunks_skip_what_has_passed_and_are_not_followed_when_stale(
    rig: FaultRig, delay_ms: int, state: CommandState
) -> None:
    rig.hand.swing_fast()
    rig.hand.delay_ns = delay_ms * MS  # ten times a fast inference
    rig.hand.swing_for(0.5)
    t_late_ns = time.monotonic_ns()
    rig.hand.swing_for(0.8)
    t_end_ns = time.monotonic_ns()
    rig.hand.delay_ns = 0
    rig.hand.swing_until(CommandState.FOLLOWING)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    assert state in evidence.states_between(t_late_ns, t_end_ns)
    late = evidence.records[(evidence.records["t_sent_ns"] > t_late_ns) & (evidence.records["t_sent_ns"] < t_end_ns)]
    if state is CommandState.HOLDING:
        assert CommandState.FOLLOWING not in late["state"]
        return
    # By the clock, not by the row: the swing is where it would be without the delay.
    following = late[late["state"] == CommandState.FOLLOWING]
    t_meant_s = (following["t_sent_ns"] + 10 * MS) * 1e-9  # the actuation latency of the robot file
    off_rad = np.abs(following["commanded_rad"][:, 0] - (np.abs(t_meant_s % 2.0 - 1.0) - 0.5))
    assert np.median(off_rad) < 0.05  # 150 ms at 1 rad/s would be 0.15


def flood(rig: FaultRig, messages: list[bytes], duration_s: float) -> int:
    """Send the messages over and over on a link of their own, as fast as they are taken; return how many were."""
    sent, t_end_ns = 0, time.monotonic_ns() + round(duration_s * 1e9)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(str(rig.folder / "command.sock"))
        caller.settimeout(1.0)
        while time.monotonic_ns() < t_end_ns:
            caller.send(messages[sent % len(messages)])
            sent += 1
    return sent


def test_a_flooded_socket_delays_no_command(rig: FaultRig) -> None:
    status = rig.hand.swing_fast()
    chunks = [swing(status, sequence) for sequence in range(1, 50)]
    old = [encode_chunk(chunk) for chunk in chunks]
    floods: dict[str, list[bytes]] = {
        "chunks that grow old": old,
        "older ones": [encode_chunk(replace(chunk, t_state_ns=chunk.t_state_ns - 1_000 * MS)) for chunk in chunks],
        "garbage": [np.random.default_rng(k).bytes(len(old[0])) for k in range(50)],
        "half messages": [message[: len(message) // 2] for message in old],
        "one byte more": [message + b"x" for message in old],
    }
    rig.command.link.close()
    flooded = list[tuple[int, int]]()
    for messages in floods.values():
        t_from_ns = time.monotonic_ns()
        assert flood(rig, messages, 0.5) > 100
        flooded.append((t_from_ns, time.monotonic_ns()))
    rig.hand.swing_until(CommandState.FOLLOWING)  # it connects again
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    assert "FAULT" not in evidence.said
    for t_from_ns, t_until_ns in flooded:
        assert evidence.silence_ms(t_from_ns, t_until_ns) <= HOLD_MAX_MS
        assert CommandState.FOLLOWING not in evidence.states_between(t_until_ns - 100 * MS, t_until_ns)
    assert evidence.said.count("a message was rejected") < 100  # said when it changes, not each time
