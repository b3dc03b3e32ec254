"""Files of torch: whole or not there when they are written, one clear line where they cannot be read or do not fit."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from interfaces.durable import whole_file
from interfaces.errors import ConfigError


def write_torch(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values atomically and durably: nothing that runs on loading. Raises OSError."""
    with whole_file(path) as file:
        torch.save(content, file)


def read_torch(path: Path, device: torch.device) -> dict[str, Any]:
    """Return what `write_torch` wrote; raises FileNotFoundError, and ConfigError when the file is damaged."""
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001 - torch lets through what zip files, pickles and the disk raise
        raise ConfigError(
            str(path), "file", f"it cannot be read ({_reason(error)})", "a whole file; delete it to run its stage again"
        ) from None


@contextmanager
def fitting(path: Path) -> Generator[None]:
    """Say in one line that what was read at `path` does not fit the networks that are made and filled inside. Raises ConfigError."""
    try:
        yield
    except (
        RuntimeError,
        TypeError,
        KeyError,
        ValueError,
    ) as error:  # torch and the config each say so in their own way
        raise ConfigError(
            str(path),
            "file",
            f"it does not fit ({_reason(error)})",
            "a policy of this version of forerun; train it again",
        ) from None


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
