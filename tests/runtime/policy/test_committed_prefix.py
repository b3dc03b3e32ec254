"""The committed prefix: the previous chunk by time, no further than it is sure and no further than it reaches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from interfaces.messages import ActionChunk
from runtime.policy.committed_prefix import committed_prefix

MS = 1_000_000
T0_NS = 10**12
STEP_NS = 50 * MS
JOINTS = np.full(2, 7.0)


def ramp(t_first_ns: int, n_rows: int = 8) -> ActionChunk:
    """Make a chunk whose joints stand at the seconds since T0, and at the opposite."""
    t_rows_s = (t_first_ns - T0_NS + STEP_NS * np.arange(n_rows)) * 1e-9
    return ActionChunk(
        sequence=1,
        t_capture_ns=T0_NS,
        t_state_ns=T0_NS,
        t_first_ns=t_first_ns,
        step_ns=STEP_NS,
        foresight_age_ns=0,
        position_rad=np.stack([t_rows_s, -t_rows_s], axis=1).astype(np.float64),
    )


def rows(t_first_ns: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the instants of the new chunk's rows."""
    return t_first_ns + STEP_NS * np.arange(8)


def test_rows_before_the_commitment_are_those_of_the_previous_chunk_at_the_same_instants() -> None:
    prefix = committed_prefix(ramp(T0_NS), rows(T0_NS + 70 * MS), T0_NS + 200 * MS, JOINTS)
    assert prefix.n_rows == 3
    assert prefix.position_rad.dtype == np.float32
    np.testing.assert_allclose(prefix.position_rad[:, 0], [0.07, 0.12, *[0.17] * 6], atol=1e-6)
    np.testing.assert_allclose(prefix.position_rad[:, 1], -prefix.position_rad[:, 0])


def test_the_prefix_ends_where_the_previous_chunk_does() -> None:
    prefix = committed_prefix(ramp(T0_NS, n_rows=3), rows(T0_NS + 10 * MS), T0_NS + 10**9, JOINTS)
    assert prefix.n_rows == 2
    np.testing.assert_allclose(prefix.position_rad[2:, 0], 0.06, atol=1e-6)


def test_nothing_committed_is_the_measured_pose_and_not_zeros() -> None:
    for previous, t_committed_ns in ((None, T0_NS + 10**9), (ramp(T0_NS), T0_NS), (ramp(T0_NS + 10**9), T0_NS + 10**9)):
        prefix = committed_prefix(previous, rows(T0_NS), t_committed_ns, JOINTS)
        assert prefix.n_rows == 0
        np.testing.assert_array_equal(prefix.position_rad, np.full((8, 2), 7.0))


@given(t_first_ns=st.integers(-500 * MS, 500 * MS), ahead_ns=st.integers(-100 * MS, 10**9), n_rows=st.integers(1, 12))
def test_every_row_is_a_pose_of_the_previous_chunk(t_first_ns: int, ahead_ns: int, n_rows: int) -> None:
    previous, t_rows_ns = ramp(T0_NS, n_rows), rows(T0_NS + t_first_ns)
    prefix = committed_prefix(previous, t_rows_ns, T0_NS + ahead_ns, JOINTS)
    assert prefix.n_rows <= np.count_nonzero(t_rows_ns < T0_NS + ahead_ns)
    expected_s = (t_rows_ns[: prefix.n_rows] - T0_NS) * 1e-9
    np.testing.assert_allclose(prefix.position_rad[: prefix.n_rows, 0], expected_s, atol=1e-6)
    filler = prefix.position_rad[prefix.n_rows :, 0]
    assert np.all(filler == (prefix.position_rad[prefix.n_rows - 1, 0] if prefix.n_rows else 7.0))
