"""All objectives of an action head, by the names that configs and recipes call them."""

from __future__ import annotations

from typing import Literal

from models.flow import UNIFORM, CleanFlow, Edm, Objective, Regression, TimeDistribution, VelocityFlow
from models.one_step import Imle, MeanFlow

ObjectiveName = Literal["velocity", "clean", "edm", "regression", "mean-flow", "imle"]


def objective_of(name: ObjectiveName, times: TimeDistribution = UNIFORM, imle: Imle | None = None) -> Objective:
    """Return an objective; `times` are those of the velocity flow and of "clean", `imle` is told where other than its defaults."""
    objectives: dict[ObjectiveName, Objective] = {
        "velocity": VelocityFlow(times), "clean": CleanFlow(times), "edm": Edm(), "regression": Regression(),
        "mean-flow": MeanFlow(), "imle": imle or Imle(),
    }  # fmt: skip
    return objectives[name]
