"""Whatever bytes are said to be an .npz: numbers, or one error that says why not; and no more memory than was allowed."""

import contextlib
import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from interfaces.errors import ConfigError
from interfaces.npz_file import Arrays, read_npz

settings.register_profile("npz_file", deadline=None)  # examples are not timed: a busy machine makes any of them slow
settings.load_profile("npz_file")


def npz(arrays: Arrays, *, packed: bool = True) -> bytes:
    """Return the arrays as numpy writes them."""
    written = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(written, allow_pickle=False, **arrays)
    return written.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip file."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return written.getvalue()


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """Return an .npy with this header, whatever it says."""
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + data


GOOD = npz({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([True, False])})
ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.uint8, np.int64, np.bool_, np.dtype(">f4")]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@given(st.dictionaries(st.sampled_from(["a", "foresight/front", "b_1"]), ARRAYS), st.booleans(), st.booleans())
def test_what_numpy_writes_is_read(arrays: Arrays, packed: bool, in_columns: bool) -> None:  # noqa: FBT001
    written = {key: np.asfortranarray(array) if in_columns else array for key, array in arrays.items()}
    read = read_npz("it.npz", npz(written, packed=packed))
    assert read.keys() == arrays.keys()
    for key, array in arrays.items():
        assert read[key].dtype == array.dtype
        np.testing.assert_array_equal(read[key], np.reshape(array, written[key].shape))


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    with contextlib.suppress(ConfigError):
        read_npz("it.npz", data)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255), st.integers(0, len(GOOD)))
def test_any_damage_to_a_good_file(position: int, flip: int, length: int) -> None:
    damaged = bytearray(GOOD)
    damaged[position] ^= flip
    for data in (bytes(damaged), GOOD[:length]):
        with contextlib.suppress(ConfigError):
            read_npz("it.npz", data)


@given(st.text(max_size=60) | st.recursive(st.integers() | st.text(max_size=3), st.lists, max_leaves=4).map(repr))
def test_any_header(text: str) -> None:
    for header in (text, f"{{'descr': {text}, 'fortran_order': False, 'shape': (1,), }}"):
        with contextlib.suppress(ConfigError):
            read_npz("it.npz", zipped({"a.npy": npy(header)}))


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"a.npy": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }")}, "a.npy holds Python objects"),
        ({"a.npy": npy("{'descr': '<U3', 'fortran_order': False, 'shape': (1,), }")}, "a.npy holds <U3, not numbers"),
        ({"a.npy": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", bytes(4))}, r"\(2,\), and holds 4"),
        ({"a.npy": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", bytes(4))}, r"\(-1,\), and"),
        ({"a.npy": npy("{}", version=b"\x09\x00")}, "version"),
        ({"readme.txt": b"hello"}, "'readme.txt' is no array"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(members: dict[str, bytes], complaint: str) -> None:
    with pytest.raises(ConfigError, match=rf"it\.npz: .*{complaint}.*; expected a readable \.npz of numbers"):
        read_npz("it.npz", zipped(members))


def test_what_numpy_says_in_several_lines_is_told_in_one() -> None:
    with pytest.raises(ConfigError, match="Header info length") as caught:
        read_npz("parity.npz", zipped({"a.npy": npy("(" * 60_000)}))
    assert "\n" not in str(caught.value)


def test_a_single_array_is_no_npz() -> None:
    written = io.BytesIO()
    np.save(written, np.zeros(3))
    with pytest.raises(ConfigError, match="single array"):
        read_npz("it.npz", written.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_of_one_name_are_refused() -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for value in (1, 2):
            array = io.BytesIO()
            np.save(array, np.array([value]))
            archive.writestr("a.npy", array.getvalue())
    with pytest.raises(ConfigError, match=r"a\.npy is in it twice"):
        read_npz("it.npz", written.getvalue())


def test_more_than_is_allowed_is_refused_unread() -> None:
    bomb = npz({"a": np.zeros(50_000_000, np.uint8)})
    assert len(bomb) < 100_000
    with pytest.raises(ConfigError, match=r"1 arrays of 50000\d\d\d bytes when unpacked; expected at most"):
        read_npz("it.npz", bomb, size_max_bytes=1_000_000)


def test_sizes_that_are_not_there_take_no_memory() -> None:
    """A header that claims a terabyte, and a directory that hides how far its bytes unpack."""
    header = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (137438953472,), }", bytes(8))
    bomb = zipped({"a.npy": bytes(60_000_000)})
    hidden = bomb.replace(struct.pack("<I", 60_000_000), struct.pack("<I", 1000))
    tracemalloc.start()
    for data in (zipped({"a.npy": header}), hidden):
        with pytest.raises(ConfigError):
            read_npz("it.npz", data)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10_000_000
