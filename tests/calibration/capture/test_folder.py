"""What is written is what is read, whole samples only, whenever the program or the computer dies; and it goes on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.capture.folder import CaptureFolder
from calibration.capture.pairing import Sample
from interfaces.capture_file import CaptureCamera, CaptureFacts, read_capture
from interfaces.errors import RefusedError
from interfaces.messages import Frame, Rgb

SIZE_PX = (48, 32)


def camera(name: str) -> CaptureCamera:
    return CaptureCamera(name=name, width_px=SIZE_PX[0], height_px=SIZE_PX[1], model="D435", serial="1")


FACTS = CaptureFacts(
    format=1,
    robot="mine",
    joints=("pan", "lift"),
    pictures="png",
    wanted=5,
    operator="me",
    created="2026-11-21T15:04:05Z",
    tool_version="1",
    cameras=(camera("front"), camera("wrist-left")),
)


def picture(seed: int) -> Rgb:
    """Noise that a lens could give: soft, and of all colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3))
    return np.ascontiguousarray(np.kron(coarse, np.ones((8, 8, 1))), np.uint8)


def sample(seed: int, facts: CaptureFacts = FACTS) -> Sample:
    rng = np.random.default_rng(seed)
    frames = {
        each.name: Frame(
            camera=each.name,
            number=seed,
            t_capture_ns=seed,
            t_arrival_ns=seed,
            rgb=picture(10 * seed + k),
            depth_mm=None,
        )
        for k, each in enumerate(facts.cameras)
    }
    states = rng.normal(size=(3, 2))
    return Sample(
        t_capture_ns=10**18 + seed,
        frames=frames,
        position_rad=states[0],
        velocity_rad_s=states[1],
        effort_ratio=states[2],
    )


def written(folder: Path, seeds: range, facts: CaptureFacts = FACTS) -> CaptureFolder:
    capture = CaptureFolder(folder, facts)
    for seed in seeds:
        capture.add(sample(seed))
    return capture


def test_what_is_written_is_read_to_the_bit(tmp_path: Path) -> None:
    written(tmp_path / "capture", range(3))
    capture = read_capture(tmp_path / "capture")
    assert capture.facts == FACTS
    assert len(capture) == 3
    assert not capture.is_complete
    for i in range(3):
        true = sample(i)
        assert capture.t_capture_ns[i] == true.t_capture_ns
        np.testing.assert_array_equal(capture.position_rad[i], true.position_rad)
        np.testing.assert_array_equal(capture.velocity_rad_s[i], true.velocity_rad_s)
        np.testing.assert_array_equal(capture.effort_ratio[i], true.effort_ratio)
        for name, frame in true.frames.items():
            np.testing.assert_array_equal(capture.rgb(i, name), frame.rgb)


def test_jpeg_keeps_colours_and_costs_little(tmp_path: Path) -> None:
    facts = replace(FACTS, pictures="jpeg")
    written(tmp_path / "jpeg", range(1), facts)
    capture = read_capture(tmp_path / "jpeg")
    path = capture.picture_path(0, "front")
    assert path.suffix == ".jpg"
    error = np.abs(capture.rgb(0, "front").astype(int) - picture(0).astype(int))
    assert error.mean() < 2.5
    red_blue = np.abs(error[:, :, 0] - error[:, :, 2])
    assert red_blue.mean() < 3.0


def test_a_capture_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    written(tmp_path / "capture", range(2))
    again = CaptureFolder(tmp_path / "capture", replace(FACTS, created="2026-11-22T00:00:00Z", operator="you"))
    assert again.n_before == 2
    np.testing.assert_array_equal(again.positions_before_rad, [sample(0).position_rad, sample(1).position_rad])
    for seed in range(2, 5):
        again.add(sample(seed))
    capture = again.read()
    assert capture.facts == FACTS  # as it was begun
    assert capture.number.tolist() == [0, 1, 2, 3, 4]
    assert capture.is_complete
    np.testing.assert_array_equal(capture.rgb(4, "front"), picture(40))


def test_more_may_be_wanted_later_and_never_less(tmp_path: Path) -> None:
    written(tmp_path / "capture", range(2))
    assert CaptureFolder(tmp_path / "capture", replace(FACTS, wanted=9)).facts.wanted == 9
    assert CaptureFolder(tmp_path / "capture", replace(FACTS, wanted=3)).facts.wanted == 9
    assert read_capture(tmp_path / "capture").facts.wanted == 9


@pytest.mark.parametrize(
    "other",
    [
        replace(FACTS, robot="yours"),
        replace(FACTS, joints=("lift", "pan")),
        replace(FACTS, pictures="jpeg"),
        replace(FACTS, cameras=(camera("front"),)),
        replace(FACTS, cameras=(replace(camera("front"), serial="2"), camera("wrist-left"))),
    ],
)
def test_a_capture_of_something_else_is_left_alone(tmp_path: Path, other: CaptureFacts) -> None:
    written(tmp_path / "capture", range(2))
    before = {path: path.read_bytes() for path in (tmp_path / "capture").rglob("*") if path.is_file()}
    with pytest.raises(RefusedError, match="--out"):
        CaptureFolder(tmp_path / "capture", other)
    assert {path: path.read_bytes() for path in (tmp_path / "capture").rglob("*") if path.is_file()} == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("...")
    with pytest.raises(RefusedError, match="other files"):
        CaptureFolder(tmp_path, FACTS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("n_bytes", [1, 7, 60, 90])
def test_a_row_that_was_cut_short_never_was(tmp_path: Path, n_bytes: int) -> None:
    written(tmp_path / "capture", range(3))
    table = tmp_path / "capture" / "samples.csv"
    table.write_bytes(table.read_bytes()[:-n_bytes])
    assert len(read_capture(tmp_path / "capture")) == 2
    again = CaptureFolder(tmp_path / "capture", FACTS)
    again.add(sample(7))
    capture = again.read()
    assert capture.t_capture_ns.tolist() == [10**18, 10**18 + 1, 10**18 + 7]
    np.testing.assert_array_equal(capture.rgb(2, "front"), picture(70))


@pytest.mark.parametrize("at", range(6))
def test_whichever_write_is_the_last_there_are_whole_samples_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """The computer dies at the n-th write of a sample: two pictures, and the row."""
    capture = written(tmp_path / "capture", range(2))
    n_synced = 0

    def sync(_fd: int) -> None:
        nonlocal n_synced
        n_synced += 1
        if n_synced > at:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", sync)
    with contextlib.suppress(KeyboardInterrupt):
        for seed in (2, 3, 4):
            capture.add(sample(seed))
    assert n_synced == at + 1
    monkeypatch.undo()
    found = read_capture(tmp_path / "capture")
    for i in range(len(found)):
        for name, frame in sample(i).frames.items():
            np.testing.assert_array_equal(found.rgb(i, name), frame.rgb)
    assert 2 + at // 3 <= len(found) <= 3 + at // 3
    capture.add(sample(8))  # the same program goes on, as one does that was told to end and writes what it has
    again = CaptureFolder(tmp_path / "capture", FACTS)  # and then another
    again.add(sample(9))
    for i, seed in enumerate((8, 9), start=len(found)):
        np.testing.assert_array_equal(again.read().rgb(i, "front"), picture(10 * seed))
    assert len(set(again.read().number.tolist())) == len(found) + 2


def test_a_disk_that_takes_no_more_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = written(tmp_path / "capture", range(1))

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RefusedError, match="sample 1 cannot be written: No space left"):
        capture.add(sample(1))
    monkeypatch.setattr(os, "fsync", only_the_row(full))
    with pytest.raises(RefusedError, match="sample 2 cannot be written: No space left"):
        capture.add(sample(2))
    monkeypatch.undo()
    capture.add(sample(3))
    assert read_capture(tmp_path / "capture").number.tolist() == [0, 3]


def only_the_row(full: Callable[[int], None]) -> Callable[[int], None]:
    """Pictures still find room; the row behind them does not."""
    n_pictures = len(FACTS.cameras)

    def sync(fd: int) -> None:
        nonlocal n_pictures
        n_pictures -= 1
        if n_pictures < 0:
            full(fd)

    return sync


def test_begun_and_broken_off_before_the_first_sample_goes_on(tmp_path: Path) -> None:
    CaptureFolder(tmp_path / "capture", FACTS)
    assert len(read_capture(tmp_path / "capture")) == 0
    (tmp_path / "capture" / "samples.csv").unlink()
    assert written(tmp_path / "capture", range(1)).n_samples == 1
