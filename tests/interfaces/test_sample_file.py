"""Sample files give back every bit, say what is wrong with them, and never take more than they may."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from interfaces import sample_file
from interfaces.bundle_manifest import load_manifest
from interfaces.errors import ConfigError
from interfaces.sample_file import Samples, check_samples, input_tensors, read_samples, write_samples

settings.register_profile("sample_file", deadline=None)  # examples are not timed: a busy machine makes any of them slow
settings.load_profile("sample_file")

TINY = load_manifest(Path(__file__).parents[1] / "data/tiny_bundle")
PICTURES = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: hnp.arrays(np.uint8, (*shape, 3))
)


def samples_of_tiny(n_samples: int = 3) -> Samples:
    """Return noise in the shapes of the tiny bundle."""
    generator = np.random.default_rng(1)
    return {
        tensor.name: generator.integers(0, 256, (n_samples, *tensor.shape)).astype(tensor.dtype)
        for tensor in input_tensors(TINY)
    }


def packed(samples: Samples, tmp_path: Path) -> dict[str, NDArray[Any]]:
    """Return what a sample file holds, as it lies there."""
    write_samples(tmp_path / "good.npz", samples)
    with np.load(tmp_path / "good.npz") as archive:
        return dict(archive)


def npz(arrays: dict[str, Any]) -> bytes:
    """Return the arrays as numpy writes them."""
    written = io.BytesIO()
    np.savez(written, allow_pickle=False, **arrays)
    return written.getvalue()


def picture(width_px: int, height_px: int, suffix: str = "WEBP", mode: str = "RGB", **how: Any) -> bytes:
    """Return a picture of zeros."""
    written = io.BytesIO()
    Image.new(mode, (width_px, height_px)).save(written, suffix, **how)
    return written.getvalue()


def as_tensor(*blobs: bytes) -> dict[str, Any]:
    """Return the pictures as a sample file holds them."""
    return {
        "front.webp": np.frombuffer(b"".join(blobs), np.uint8),
        "front.webp_ends": np.cumsum([len(blob) for blob in blobs], dtype=np.int64),
    }


@settings(max_examples=50)
@given(pictures=PICTURES)
def test_pictures_come_back_to_the_last_bit(pictures: NDArray[np.uint8], tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("samples") / "samples.npz"
    given_age = np.linspace(0, 1, len(pictures), dtype=np.float32)
    write_samples(path, {"front": pictures, "foresight_age": given_age})
    read = read_samples(path)
    assert {name: array.dtype for name, array in read.items()} == {"front": np.uint8, "foresight_age": np.float32}
    np.testing.assert_array_equal(read["front"], pictures)
    np.testing.assert_array_equal(read["foresight_age"], given_age)


def test_pictures_with_those_before_them_come_back_in_little_room(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    pictures = generator.integers(0, 256, (3, 4, 6, 8, 3), np.uint8)
    told: list[tuple[int, int]] = []
    path = tmp_path / "samples.npz"
    write_samples(
        path, {"front": pictures, "wrist": pictures[:, 0]}, lambda done, total, _text: told.append((done, total))
    )
    assert told == [(number, 15) for number in range(1, 16)]
    with np.load(path) as archive:
        assert archive["front.webp_ends"].shape == (3, 4)
        assert archive["wrist.webp_ends"].shape == (3,)
    read = read_samples(path)
    np.testing.assert_array_equal(read["front"], pictures)
    np.testing.assert_array_equal(read["wrist"], pictures[:, 0])


@pytest.mark.parametrize("ends", [np.zeros((0, 4), np.int64), np.zeros((1, 0), np.int64), np.array([[[44]]])])
def test_ends_of_another_shape_are_refused(ends: NDArray[Any]) -> None:
    arrays = {**as_tensor(picture(4, 3, lossless=True)), "front.webp_ends": ends}
    with pytest.raises(ConfigError, match="expected ends as rising int64"):
        read_samples(npz(arrays), "it.npz")


def test_they_fit_their_bundle_and_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    samples = samples_of_tiny()
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int, _text: str) -> None:
        told.append((done, total))

    for name in ("one.npz", "two.npz"):
        write_samples(tmp_path / name, samples, tell)
    assert told == 2 * [(1, 3), (2, 3), (3, 3)]
    data = (tmp_path / "one.npz").read_bytes()
    assert data == (tmp_path / "two.npz").read_bytes()
    read = read_samples(data, "one.npz")
    assert check_samples("one.npz", read, TINY) == 3
    assert "tokens" not in read
    for name, array in samples.items():
        np.testing.assert_array_equal(read[name], array)


FOREIGN: list[tuple[Callable[[Samples], object], str]] = [
    (lambda samples: samples.pop("noise"), r"noise is missing; expected an input of bundle tiny, float32 \(sample, 16, 6\)"),
    (lambda samples: samples.update(extra=samples["noise"]), "tensor is 'extra'; expected only inputs of bundle tiny: fore"),
    (lambda samples: samples.update(joints=samples["joints"].astype(float)), r"joints is 'float64 \(3, 6\)'"),
    (lambda samples: samples.update(front=samples["front"][:, ::2]), r"front is 'uint8 \(3, 120, 424, 3\)'"),
    (lambda samples: samples.update(joints=samples["joints"][:2]), "2 of joints.*expected as many of every tensor"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "complaint"), FOREIGN)
def test_samples_of_another_bundle_are_refused(change: Callable[[Samples], object], complaint: str) -> None:
    samples = samples_of_tiny()
    change(samples)
    with pytest.raises(ConfigError, match=rf"it\.npz: .*{complaint}"):
        check_samples("it.npz", samples, TINY)


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        ({}, "samples is 'none'"),
        ({"joints": np.zeros((0, 6))}, "0 of joints"),
        ({"joints": np.zeros(())}, "0 of joints"),
        ({"joints": np.zeros((2, 6)), "noise": np.zeros((3, 6))}, "2 of joints, 3 of noise"),
        ({"../joints": np.zeros((2, 6))}, "tensor is '../joints'"),
        ({"joints": np.array(["a"])}, "joints is '<U1'; expected numbers"),
        ({"front": np.zeros((1, 0, 4, 3), np.uint8)}, "expected pictures of 1 to 8192 pixels a side"),
        ({"front": np.broadcast_to(np.zeros(3, np.uint8), (1, 1, 8193, 3))}, "expected pictures of 1 to 8192"),
    ],
)
def test_what_cannot_be_samples_is_not_written(tmp_path: Path, samples: Samples, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        write_samples(tmp_path / "bad.npz", samples)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        (as_tensor(picture(4, 3, lossless=True), picture(3, 4, lossless=True)), "front, sample 1 is '3 x 4'; expected 4 x 3"),
        (as_tensor(picture(4, 3)), "expected a whole picture in lossless WebP"),
        (as_tensor(picture(4, 3, lossless=True) + b"more"), "expected a whole picture in lossless WebP"),
        (as_tensor(picture(4, 3, "PNG")), "expected a whole picture in lossless WebP"),
        (as_tensor(picture(9000, 1, lossless=True)), "9000 x 1"),
        ({"front.webp": np.zeros(3, np.uint8)}, "front.webp_ends is missing"),
        ({"front.webp_ends": np.array([3])}, "front.webp is missing"),
        ({**as_tensor(picture(4, 3, lossless=True)), "front.webp_ends": np.array([7, 5])}, "expected ends as rising"),
        ({**as_tensor(picture(4, 3, lossless=True)), "front.webp_ends": np.array([7])}, "expected ends as rising"),
        ({**as_tensor(picture(4, 3, lossless=True)), "front": np.zeros((1, 3))}, "tensor is 'front'; expected each tensor once"),
        ({**as_tensor(picture(4, 3, lossless=True)), "joints": np.zeros((2, 3))}, "2 of joints, 1 of front"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_as_it_must_be_is_refused(arrays: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=rf"it\.npz: .*{complaint}"):
        read_samples(npz(arrays), "it.npz")


def test_transparent_pictures_are_refused() -> None:
    written = io.BytesIO()
    image = Image.new("RGBA", (4, 3), (1, 2, 3, 4))
    image.save(written, "WEBP", lossless=True)
    with pytest.raises(ConfigError, match=r"expected (red, green and blue alone|a whole picture in lossless WebP)"):
        read_samples(npz(as_tensor(written.getvalue())))


def test_pictures_that_unpack_to_more_than_is_allowed_are_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_file, "SIZE_MAX_BYTES", 1_000_000)
    blobs = [picture(400, 400, lossless=True)] * 3
    assert sum(map(len, blobs)) < 1000
    with pytest.raises(ConfigError, match="1440000 bytes when unpacked, most of it front; expected at most 1000000"):
        read_samples(npz(as_tensor(*blobs)))


def test_no_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.npz: No such file or directory; expected a readable sample file"):
        read_samples(tmp_path / "none.npz")


@given(data=st.data())
def test_any_damage_ends_in_one_error(data: st.DataObject) -> None:
    """The packed pictures themselves are damaged, past the check sums of the zip file around them."""
    generator = np.random.default_rng(3)
    blobs = [as_webp(generator.integers(0, 256, (6, 8, 3), np.uint8)) for _ in range(2)]
    arrays = as_tensor(*blobs)
    joined = bytearray(arrays["front.webp"])
    for _ in range(data.draw(st.integers(1, 4))):
        joined[data.draw(st.integers(0, len(joined) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ConfigError):
        read = read_samples(npz({**arrays, "front.webp": np.frombuffer(bytes(joined), np.uint8)}))
        assert read["front"].shape == (2, 6, 8, 3)


def as_webp(pixels: NDArray[np.uint8]) -> bytes:
    """Return one picture in lossless WebP."""
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "WEBP", lossless=True)
    return written.getvalue()
