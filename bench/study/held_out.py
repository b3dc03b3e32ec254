"""How far held-out chunks are off, as the training of an arm has told in its last look: finer than success, and no closed loop."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interfaces.errors import ConfigError

_STAGE = "expert"
_FIGURES = {
    "off_rad": "off_mrad", "zeroed_off_rad": "zeroed_off_mrad", "shuffled_off_rad": "shuffled_off_mrad",
    "still_off_rad": "still_off_mrad",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Mean absolute errors of joint targets, on the same held-out pictures for all arms."""

    arm: str
    training_seed: int
    off_rad: float  # with its own foresight
    zeroed_off_rad: float
    shuffled_off_rad: float  # with another picture's, of any task
    still_off_rad: float  # of standing still


def read_held_out(figures: Path, arm: str, training_seed: int) -> HeldOut | None:
    """Return the last look of an arm's training, from its JSON lines; None where it was not trained itself. Raises ConfigError."""
    if not figures.exists():
        return None
    try:
        lines: list[dict[str, Any]] = [json.loads(line) for line in figures.read_text(encoding="utf-8").splitlines()]
        looks = [line for line in lines if line["stage"] == _STAGE]
        values = {key: float(looks[-1][told]) / 1000.0 for key, told in _FIGURES.items()}
    except (ValueError, KeyError, IndexError) as error:
        raise ConfigError(str(figures), "file", f"{type(error).__name__} {error}", "a look of the expert") from None
    return HeldOut(arm=arm, training_seed=training_seed, **values)
