"""The worst case is found wherever it is, measured against the joint's own range, and NaN is the worst of all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from export.gates.figures import Comparison, Figures, compare

settings.register_profile("figures", deadline=None)  # examples are not timed: a busy machine makes any of them slow
settings.load_profile("figures")

JOINTS = ("pan", "lift", "grip")
FRAMES, ROWS = 40, 8
Array = NDArray[np.float64]


def outputs() -> tuple[Array, Array]:
    """Return tokens (frame, 2, 4) and positions (frame, row, joint), far from zero as the angles of an arm are."""
    generator = np.random.default_rng(1)
    positions = np.array([10.0, -5.0, 0.0]) + np.array([2.0, 1.0, 0.5]) * generator.uniform(-1, 1, (FRAMES, ROWS, 3))
    positions[0, 0], positions[0, 1] = [12.0, -4.0, 0.5], [8.0, -6.0, -0.5]  # ranges of 4, 2 and 1 rad
    return generator.normal(size=(FRAMES, 2, 4)), positions


def figures(tokens: Array, positions: Array) -> Figures:
    """Return the figures against the good outputs."""
    return compare(*outputs(), tokens, positions, JOINTS)


def cosine(one: Array, other: Array) -> float:
    """Return the cosine of two arrays."""
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def test_the_same_is_perfect() -> None:
    found = figures(*outputs())
    assert (found.frames, found.action_error.value, found.foresight_max_abs.value) == (FRAMES, 0.0, 0.0)
    assert found.action_cosine.value == pytest.approx(1.0)
    assert found.foresight_cosine.value == pytest.approx(1.0)
    assert [one.range_rad for one in found.joints] == pytest.approx([4.0, 2.0, 1.0])


@given(
    st.integers(0, FRAMES - 1),
    st.integers(0, ROWS - 1),
    st.integers(0, 2),
    st.floats(0.001, 3.0),
    st.sampled_from([-1, 1]),
)
def test_one_wrong_row_of_one_joint_in_one_frame_is_found(
    frame: int, row: int, joint: int, ratio: float, sign: int
) -> None:
    tokens, positions = outputs()
    off_rad = ratio * (4.0, 2.0, 1.0)[joint]
    positions[frame, row, joint] += sign * off_rad
    found = figures(tokens, positions)
    assert found.action_error.value == pytest.approx(ratio)
    assert found.action_max_abs_rad.value == pytest.approx(off_rad)
    assert found.action_error.where == found.action_max_abs_rad.where == f"frame {frame}, joint {JOINTS[joint]}"
    assert (found.joints[joint].frame, found.joints[joint].error_ratio) == (frame, pytest.approx(ratio))
    assert all(one.max_abs_rad == 0 for one in found.joints if one.joint != JOINTS[joint])


@given(
    st.integers(0, FRAMES - 1), st.sampled_from(["tokens", "positions", "reference"]), st.sampled_from([np.nan, np.inf])
)
def test_what_is_not_finite_is_the_worst(frame: int, where: str, value: float) -> None:
    tokens, positions = outputs()
    good = outputs()
    {"tokens": tokens, "positions": positions, "reference": good[1]}[where][frame].flat[3] = value
    found = compare(*good, tokens, positions, JOINTS)
    if where == "tokens":
        assert np.isnan(found.foresight_cosine.value)
        assert found.foresight_cosine.where == f"frame {frame}"
    elif where == "positions":
        assert not np.isfinite(found.action_error.value)
        assert np.isnan(found.action_cosine.value)
        assert found.action_error.where == f"frame {frame}, joint pan"
    else:
        assert not found.action_error.value <= 0.02
        assert np.isnan(found.action_cosine.value)


def test_an_offset_does_not_flatter_the_cosine() -> None:
    """Angles far from zero have a cosine of 1 whatever they do; relative to their mean, one frame that is mirrored shows."""
    tokens, positions = outputs()
    mean = outputs()[1].mean(axis=(0, 1))
    positions[7] = 2 * mean - positions[7]
    raw = cosine(positions[7], outputs()[1][7])
    found = figures(tokens, positions)
    assert raw > 0.95
    assert found.action_cosine.value == pytest.approx(-1.0)
    assert found.action_cosine.where == "frame 7"


def test_a_joint_that_goes_the_other_way_everywhere_is_named() -> None:
    tokens, positions = outputs()
    mean = positions[:, :, 2].mean()
    positions[:, :, 2] = mean + 0.2 * (mean - positions[:, :, 2])
    assert figures(tokens, positions).action_cosine.where == "joint grip"


def test_a_joint_that_hardly_moves_is_measured_against_the_others() -> None:
    reference = outputs()[1]
    reference[:, :, 2] = 0.3
    reference[:, :, 2] += 1e-6 * np.random.default_rng(2).uniform(-1, 1, reference.shape[:2])
    candidate = reference.copy()
    candidate[5, 1, 2] += 0.004
    found = compare(outputs()[0], reference, outputs()[0], candidate, JOINTS)
    assert found.joints[2].range_rad == pytest.approx(0.4)  # a tenth of the widest
    assert found.joints[2].cosine is None
    assert found.action_error.value == pytest.approx(0.01, rel=1e-3)
    assert found.action_cosine.value == pytest.approx(1.0, abs=1e-4)


def test_a_policy_that_never_moves_has_no_cosine_and_no_excuse() -> None:
    tokens = outputs()[0]
    still = np.full((FRAMES, ROWS, 3), 0.3)
    found = compare(tokens, still, tokens, still, JOINTS)
    assert found.action_error.value == 0.0
    assert np.isnan(found.action_cosine.value)
    moved = still.copy()
    moved[3, 0, 1] += 1e-9
    assert compare(tokens, still, tokens, moved, JOINTS).action_error.value == np.inf


def test_the_tokens_of_one_frame_count_by_themselves() -> None:
    tokens, positions = outputs()
    tokens[11] = tokens[12]
    found = figures(tokens, positions)
    alone = cosine(tokens[11], outputs()[0][11])
    assert (found.foresight_cosine.value, found.foresight_cosine.where) == (pytest.approx(alone), "frame 11")
    assert found.foresight_max_abs.where == "frame 11"


def test_half_precision_is_compared_in_double() -> None:
    tokens, positions = outputs()
    found = compare(tokens, positions, tokens.astype(np.float16), positions.astype(np.float16), JOINTS)
    assert found.action_max_abs_rad.value == np.abs(positions.astype(np.float16).astype(float) - positions).max()


def test_what_is_given_frame_by_frame_may_be_written_over() -> None:
    tokens, positions = outputs()
    comparison, buffer = Comparison(JOINTS), np.empty_like(positions[0])
    for frame in range(FRAMES):
        buffer[:] = positions[frame]
        comparison.add(tokens[frame], buffer, tokens[frame], buffer)
    assert comparison.figures() == figures(tokens, positions)
