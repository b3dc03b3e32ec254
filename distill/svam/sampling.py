"""How samples are drawn around a recorded picture: how old it is when the arm acts, and where the rows of a chunk lie."""

from __future__ import annotations

from dataclasses import dataclass

from interfaces.toml_loader import require


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What a recipe says of it."""

    grid_s: float  # between the steps of a recording
    horizon: int  # rows of a chunk
    step_ms: float  # between them
    first_ms: float  # from the joints to the first
    age_min_ms: float
    age_typical_ms: float  # three of four ages lie below
    age_max_ms: float
    joint_noise_rad: float

    @property
    def grid_ms(self) -> float:
        """Return the time between the steps of a recording."""
        return 1000.0 * self.grid_s

    def require_on_grid(self) -> None:
        """Check, in a recipe's `__post_init__`, that rows fall on the recording's grid."""
        for key in ("step_ms", "first_ms"):
            value = getattr(self, key)
            on_grid = value > 0 and value % self.grid_ms == 0
            require(on_grid, key, value, f"a multiple of {self.grid_ms:g}, the recording's grid")


def require_ages(least_ms: float, typical_ms: float, most_ms: float) -> None:
    """Check ages in a recipe's `__post_init__`."""
    ages = (least_ms, typical_ms, most_ms)
    require(0 < least_ms < typical_ms <= most_ms, "age_max_ms", ages, "min < typical <= max, all above 0")
