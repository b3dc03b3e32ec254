"""How far an artefact may be from its reference, by precision; the smallest of these figures over all held-out frames counts."""

from __future__ import annotations

from dataclasses import dataclass

from interfaces.bundle_artefact import Precision

ACTION_ERROR = "action error"  # names of the gates, in the manifest
ACTION_COSINE = "action cosine"
FORESIGHT_COSINE = "foresight cosine"
CLOSED_LOOP = "closed loop"

AT_MOST = (ACTION_ERROR, CLOSED_LOOP)  # the others are demanded at least
FRAMES_MIN = 300  # a fault in one frame of three hundred is what the gates are for


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is demanded."""

    action_error_max_ratio: float  # largest error of one joint in one row, of that joint's range
    action_cosine_min: float
    foresight_cosine_min: float = 0.99
    success_loss_max_ratio: float = 0.02

    def narrowed(self, ratio: float) -> Limits:
        """Return limits that allow only so much of the deviation that these do; the closed loop's stays as it is."""
        return Limits(
            action_error_max_ratio=ratio * self.action_error_max_ratio,
            action_cosine_min=1.0 - ratio * (1.0 - self.action_cosine_min),
            foresight_cosine_min=1.0 - ratio * (1.0 - self.foresight_cosine_min),
            success_loss_max_ratio=self.success_loss_max_ratio,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all gates."""
        return (ACTION_ERROR, ACTION_COSINE, FORESIGHT_COSINE, CLOSED_LOOP)

    def of(self, gate: str) -> float:
        """Return the limit of a gate by its name; raises KeyError."""
        limits = (
            self.action_error_max_ratio, self.action_cosine_min, self.foresight_cosine_min, self.success_loss_max_ratio,
        )  # fmt: skip
        return dict(zip(self.names, limits, strict=True))[gate]


_FLOAT = Limits(action_error_max_ratio=0.01, action_cosine_min=0.999)
_INT8 = Limits(action_error_max_ratio=0.02, action_cosine_min=0.995)
_BY_PRECISION: dict[Precision, Limits] = {"fp32": _FLOAT, "fp16": _FLOAT, "cpu-int8": _INT8, "trt-int8": _INT8}


def limits_of(precision: Precision) -> Limits:
    """Return the limits of a precision."""
    return _BY_PRECISION[precision]


def within(gate: str, measured: float, limit: float) -> bool:
    """Return whether a gate of this name is passed; NaN passes none."""
    return measured <= limit if gate in AT_MOST else measured >= limit
