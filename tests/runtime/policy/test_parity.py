"""Damaged parity files end in a BundleError, never in another exception, and never run what they carry."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interfaces.errors import BundleError
from runtime.policy.parity import read_parity

GOOD = (Path(__file__).parents[2] / "data/tiny_bundle/parity.npz").read_bytes()


def arrays_or_refusal(data: bytes) -> None:
    """Read, and let nothing out but the one error."""
    with contextlib.suppress(BundleError):
        read_parity("parity.npz", data)


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    arrays_or_refusal(data)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255), st.integers(0, len(GOOD)))
def test_any_damage_to_a_good_file(position: int, flip: int, length: int) -> None:
    damaged = bytearray(GOOD)
    damaged[position] ^= flip
    arrays_or_refusal(bytes(damaged))
    arrays_or_refusal(GOOD[:length])


def test_pickles_are_not_opened() -> None:
    written = io.BytesIO()
    np.savez(written, objects=np.array([{"a": 1}], object))
    with pytest.raises(BundleError, match="Python objects"):
        read_parity("parity.npz", written.getvalue())


def test_a_single_array_is_no_parity_file() -> None:
    written = io.BytesIO()
    np.save(written, np.zeros(3))
    with pytest.raises(BundleError, match="single array"):
        read_parity("parity.npz", written.getvalue())
