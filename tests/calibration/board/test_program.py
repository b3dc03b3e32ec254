"""`forerun calibrate board`: writes a PDF that says how to use it."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from calibration.board import program
from interfaces.errors import RefusedError


def _parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    program.add_arguments(parser)
    return parser.parse_args(words)


def test_the_largest_board_that_fits_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.run(_parsed(str(tmp_path / "board.pdf"), "--paper", "letter")) == 0
    data = (tmp_path / "board.pdf").read_bytes()
    assert data.startswith(b"%PDF-1.4")
    assert b"/PrintScaling /None" in data
    assert b"9 x 6 squares of 29 mm" in data
    assert "--square-mm 29" in capsys.readouterr().out


def test_its_table_of_objects_points_at_them(tmp_path: Path) -> None:
    program.run(_parsed(str(tmp_path / "board.pdf"), "--squares", "5x7", "--square-mm", "25"))
    data = (tmp_path / "board.pdf").read_bytes()
    table = int(data.split(b"startxref\n")[1].split()[0])
    assert data[table:].startswith(b"xref\n0 6\n")
    places = [int(line[:10]) for line in data[table:].splitlines()[3:8]]
    assert [data[place:].split(b" ")[0] for place in places] == [b"1", b"2", b"3", b"4", b"5"]
    length = int(data.split(b"/Length ")[1].split()[0])
    assert len(data.split(b"stream\n", 1)[1].split(b"\nendstream")[0]) == length


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be written"):
        program.run(_parsed(str(tmp_path / "nowhere" / "board.pdf")))
