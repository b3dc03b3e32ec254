"""What the policy sees and means to do at one instant, in a file: for pictures, and for people who ask why it did that."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from interfaces.errors import RefusedError
from runtime.policy.board import PolicyBoard

_SPARE_BYTES = (
    64 * 2**20
)  # left free: where it is written, in memory on a robot, lie the sockets and all that systemd needs


def save_snapshot(board: PolicyBoard, path: Path) -> None:
    """Write the newest frame (`rgb`), joints (`joints_rad`) and chunk (`chunk_rad`, where there is one); whole or not at all.

    The frames of further cameras are `rgb_<camera>`. Raises RefusedError where there is no picture yet, or it cannot be written.
    """
    frames, command, chunk = board.frames.newest(), board.command, board.chunk
    if frames is None or command is None:
        raise RefusedError(f"{path}: no snapshot before the first picture and joint state")
    arrays: dict[str, Any] = {"rgb": frames.value[0].rgb, "joints_rad": command.joints.position_rad}
    if chunk is not None and board.instruction is not None:
        arrays["chunk_rad"] = chunk.position_rad
    for frame in frames.value[1:]:
        arrays[f"rgb_{frame.camera}"] = frame.rgb
    partial = path.with_name(path.name + ".partial")
    try:
        if shutil.disk_usage(path.absolute().parent).free < _SPARE_BYTES:
            raise RefusedError(f"{path}: cannot be written: {_SPARE_BYTES / 1e6:.0f} MB stay free")
        with partial.open("wb") as file:
            np.savez(file, **arrays)
        partial.replace(path)
    except OSError as error:
        raise RefusedError(f"{path}: cannot be written: {error.strerror}") from error
