"""What a stage keeps on disk: whole or not there, also when the process is killed while it writes, and checked when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from interfaces.durable import whole_file
from interfaces.errors import ConfigError
from models.torch_file import read_torch, write_torch

Holders = dict[str, Any]  # modules and optimizers by name


def save_state(path: Path, step: int, sizes: dict[str, Any], holders: Holders) -> None:
    """Write the state of a running stage: its step, and what its holders hold. Raises OSError."""
    write_torch(path, {"step": step, "sizes": sizes, **{name: held.state_dict() for name, held in holders.items()}})


def load_state(path: Path, sizes: dict[str, Any], holders: Holders, device: torch.device) -> int:
    """Give the holders what the file at `path` holds and return its step; 0 when there is no file.

    Raises ConfigError when the file is damaged or of a network of other sizes.
    """
    if not path.exists():
        return 0
    saved = read_torch(path, device)
    check_sizes(path, saved, sizes)
    for name, holder in holders.items():
        holder.load_state_dict(saved[name])
    return int(saved["step"])


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write an .npz atomically and durably. Raises OSError."""
    with whole_file(path) as file:
        np.savez(file, **arrays)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an .npy atomically and durably. Raises OSError."""
    with whole_file(path) as file:
        np.save(file, array)


def check_sizes(path: Path, saved: dict[str, Any], sizes: dict[str, Any]) -> None:
    """Raise ConfigError when a file is of a network of other sizes than the recipe says."""
    for key, value in sizes.items():
        if saved.get("sizes", {}).get(key) != value:
            raise ConfigError(
                str(path),
                key,
                saved.get("sizes", {}).get(key),
                f"{value!r}, as in the recipe; another recipe needs another --out",
            )
