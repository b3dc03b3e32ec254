"""The layout of what crosses the socket: fixed bytes, nothing believed that was not checked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.errors import ProtocolError
from interfaces.messages import ActionChunk, CommandState, JointState
from interfaces.wire import (
    CHUNK_LAYOUT,
    STATUS_LAYOUT,
    CommandStatus,
    decode_chunk,
    decode_status,
    encode_chunk,
    encode_status,
)


def chunk(n_rows: int = 16, n_joints: int = 6) -> ActionChunk:
    return ActionChunk(
        sequence=7,
        t_capture_ns=1_000,
        t_state_ns=2_000,
        t_first_ns=3_000,
        step_ns=50_000_000,
        foresight_age_ns=1_000,
        position_rad=np.arange(n_rows * n_joints, dtype=np.float64).reshape(n_rows, n_joints),
    )


def status() -> CommandStatus:
    six = np.arange(6, dtype=np.float64)
    joints = JointState(
        t_measured_ns=5,
        position_rad=six,
        velocity_rad_s=six + 10,
        effort_ratio=six + 20,
        voltage_v=six + 30,
        temperature_degc=six + 40,
    )
    return CommandStatus(sequence=3, state=CommandState.FOLLOWING, joints=joints, commanded_rad=six + 50)


def test_the_layout_is_fixed() -> None:
    assert (CHUNK_LAYOUT.itemsize, STATUS_LAYOUT.itemsize) == (8252, 796)  # changing these needs a new VERSION
    data = encode_chunk(chunk())
    assert data[:16].hex() == "314e5246" + "0200" + "0100" + "0700000000000000"


def test_a_chunk_survives_the_wire() -> None:
    got = decode_chunk(encode_chunk(chunk()))
    np.testing.assert_array_equal(got.position_rad, chunk().position_rad)
    assert (got.sequence, got.t_capture_ns, got.t_state_ns, got.t_first_ns, got.step_ns) == (
        7,
        1_000,
        2_000,
        3_000,
        50_000_000,
    )
    assert got.t_last_ns == 3_000 + 15 * 50_000_000


def test_a_status_survives_the_wire() -> None:
    got = decode_status(encode_status(status()))
    assert (got.state, got.sequence, got.joints.t_measured_ns) == (CommandState.FOLLOWING, 3, 5)
    np.testing.assert_array_equal(got.commanded_rad, status().commanded_rad)
    np.testing.assert_array_equal(got.joints.temperature_degc, status().joints.temperature_degc)


@pytest.mark.parametrize(("n_rows", "n_joints"), [(0, 6), (65, 6), (4, 17)])
def test_what_does_not_fit_is_refused(n_rows: int, n_joints: int) -> None:
    with pytest.raises(ProtocolError):
        encode_chunk(chunk(n_rows, n_joints))


def noise(seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(CHUNK_LAYOUT.itemsize)


@given(st.binary(max_size=100) | st.integers(0, 2**32).map(noise))
def test_noise_is_refused_without_a_traceback(data: bytes) -> None:
    for decode in (decode_chunk, decode_status):
        with pytest.raises(ProtocolError):
            decode(data)


@given(st.integers(0, 59), st.integers(0, 255))
def test_a_damaged_header_is_refused_or_harmless(at: int, value: int) -> None:
    data = bytearray(encode_chunk(chunk()))
    data[at] = value
    try:
        got = decode_chunk(bytes(data))
    except ProtocolError:
        return
    assert got.position_rad.shape[0] <= 64
    assert got.position_rad.shape[1] <= 16
