"""The reader of captures: what it refuses, and how it says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from interfaces.capture_file import CaptureCamera, CaptureFacts, read_capture
from interfaces.errors import ConfigError
from interfaces.toml_writer import to_toml

CAMERA = CaptureCamera(name="front", width_px=8, height_px=4, model="D435", serial="")
FACTS = CaptureFacts(
    format=1,
    robot="mine",
    joints=("pan", "lift"),
    pictures="png",
    wanted=2,
    operator="me",
    created="2026-11-21T15:04:05Z",
    tool_version="1",
    cameras=(CAMERA,),
)
ROWS = ("0,100,0.5,-0.5,0.0,0.0,0.1,0.2", "3,200,1.5,-1.5,0.0,0.0,0.1,0.2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "frames").mkdir()
    (tmp_path / "capture.toml").write_text(to_toml(FACTS))
    write_rows(tmp_path, *ROWS)
    for number in (0, 3):
        cv2.imwrite(str(tmp_path / "frames" / f"{number:06d}-front.png"), np.full((4, 8, 3), (30, 20, 10), np.uint8))
    return tmp_path


def write_rows(folder: Path, *rows: str, header: str = ",".join(FACTS.columns)) -> None:
    (folder / "samples.csv").write_text("\n".join((header, *rows)) + "\n")


def test_a_capture_is_read(folder: Path) -> None:
    capture = read_capture(folder)
    assert len(capture) == 2
    assert capture.is_complete
    assert capture.position_rad.tolist() == [[0.5, -0.5], [1.5, -1.5]]
    assert capture.effort_ratio.tolist() == [[0.1, 0.2]] * 2
    rgb = capture.rgb(1, "front")
    assert rgb.shape == (4, 8, 3)
    assert rgb.dtype == np.uint8
    assert rgb[0, 0].tolist() == [10, 20, 30]  # red first
    assert rgb.flags.c_contiguous


def test_the_columns_are_documented_by_their_names() -> None:
    assert FACTS.columns == (
        "number",
        "t_capture_ns",
        "position_rad.pan",
        "position_rad.lift",
        "velocity_rad_s.pan",
        "velocity_rad_s.lift",
        "effort_ratio.pan",
        "effort_ratio.lift",
    )


def test_one_without_samples_is_empty(folder: Path) -> None:
    write_rows(folder)
    capture = read_capture(folder)
    assert len(capture) == 0
    assert capture.position_rad.shape == (0, 2)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("0,100,0.5,-0.5,0.0,0.0,0.1",), "row 1"),
        ((ROWS[0], "3,200,1.5,x,0.0,0.0,0.1,0.2"), "row 2"),
        (("0,100,nan,-0.5,0.0,0.0,0.1,0.2",), "row 1"),
        (("0,100,inf,-0.5,0.0,0.0,0.1,0.2",), "row 1"),
        (("0.5,100,0.5,-0.5,0.0,0.0,0.1,0.2",), "row 1"),
    ],
)
def test_a_row_that_is_none_is_named(folder: Path, rows: tuple[str, ...], said: str) -> None:
    write_rows(folder, *rows)
    with pytest.raises(ConfigError, match=said):
        read_capture(folder)


def test_columns_of_other_joints_are_refused(folder: Path) -> None:
    write_rows(folder, *ROWS, header=",".join(FACTS.columns).replace("pan", "roll"))
    with pytest.raises(ConfigError, match="columns"):
        read_capture(folder)


def test_missing_parts_are_named(folder: Path) -> None:
    (folder / "frames" / "000003-front.png").unlink()
    with pytest.raises(ConfigError, match=r"000003-front\.png"):
        read_capture(folder)
    (folder / "samples.csv").unlink()
    with pytest.raises(ConfigError, match=r"samples\.csv"):
        read_capture(folder)
    shutil.rmtree(folder)
    with pytest.raises(ConfigError, match=r"capture\.toml"):
        read_capture(folder)


def test_a_picture_that_is_none_or_of_another_size_is_named(folder: Path) -> None:
    path = folder / "frames" / "000000-front.png"
    path.write_bytes(b"no picture")
    with pytest.raises(ConfigError, match=r"000000-front\.png"):
        read_capture(folder).rgb(0, "front")
    cv2.imwrite(str(path), np.zeros((5, 8, 3), np.uint8))
    with pytest.raises(ConfigError, match="8x5"):
        read_capture(folder).rgb(0, "front")
    with pytest.raises(ConfigError, match="wrist"):
        read_capture(folder).rgb(0, "wrist")


@pytest.mark.parametrize("change", ["format = 2", 'joints = ["pan", "pan"]', "wanted = 0", 'name = "../front"'])
def test_facts_that_cannot_be_are_refused(folder: Path, change: str) -> None:
    key = change.split(" = ", maxsplit=1)[0]
    lines = (folder / "capture.toml").read_text().splitlines()
    (folder / "capture.toml").write_text("\n".join(change if line.startswith(f"{key} =") else line for line in lines))
    with pytest.raises(ConfigError, match=key):
        read_capture(folder)
