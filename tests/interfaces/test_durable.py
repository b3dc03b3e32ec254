"""Files that are too large to be held as bytes: whole, or as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from interfaces.durable import whole_file


def test_a_file_is_there_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with whole_file(path) as file:
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert [part.name for part in tmp_path.iterdir()] == ["weights.pt"]


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"before")
    with pytest.raises(MemoryError):
        fail_to_write(path)
    assert path.read_bytes() == b"before"
    assert [part.name for part in tmp_path.iterdir()] == ["weights.pt"]


def fail_to_write(path: Path) -> None:
    with whole_file(path) as file:
        file.write(b"af")
        raise MemoryError
