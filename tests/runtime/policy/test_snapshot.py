"""Snapshots are for whoever may ask: they must not be able to fill the memory that /run is."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from interfaces.errors import RefusedError
from runtime.policy.board import PolicyBoard
from runtime.policy.snapshot import save_snapshot

MB = 10**6


def board() -> PolicyBoard:
    """Return as much of a board as a snapshot takes."""
    frame = SimpleNamespace(rgb=np.zeros((2, 2, 3), np.uint8), camera="front")
    frames = SimpleNamespace(newest=lambda: SimpleNamespace(value=(frame,)))
    command = SimpleNamespace(joints=SimpleNamespace(position_rad=np.zeros(6)))
    return cast("PolicyBoard", SimpleNamespace(frames=frames, command=command, chunk=None, instruction=None))


def test_it_is_written_where_there_is_room_and_leaves_the_last_room_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_snapshot(board(), tmp_path / "seen.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["seen.npz"]
    usage = SimpleNamespace(total=100 * MB, used=50 * MB, free=50 * MB)

    def nearly_full(_: Path) -> SimpleNamespace:
        return usage

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    with pytest.raises(RefusedError, match="67 MB stay free"):
        save_snapshot(board(), tmp_path / "more.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["seen.npz"]
