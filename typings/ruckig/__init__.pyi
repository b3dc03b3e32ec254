"""What forerun uses of ruckig, which comes without types."""

import enum
from collections.abc import Sequence

class RuckigError(RuntimeError): ...

class Result(enum.Enum):
    Working = 0
    Finished = 1
    Error = -1
    ErrorExecutionTimeCalculation = -110

class ControlInterface(enum.Enum):
    Position = 0
    Velocity = 1

class InputParameter:
    control_interface: ControlInterface
    minimum_duration: float | None
    current_position: Sequence[float]
    current_velocity: Sequence[float]
    current_acceleration: Sequence[float]
    target_position: Sequence[float]
    target_velocity: Sequence[float]
    target_acceleration: Sequence[float]
    max_velocity: Sequence[float]
    min_velocity: Sequence[float] | None
    max_acceleration: Sequence[float]
    max_jerk: Sequence[float]
    def __init__(self, degrees_of_freedom: int) -> None: ...

class Trajectory:
    @property
    def duration(self) -> float: ...
    def __init__(self, degrees_of_freedom: int) -> None: ...
    def at_time(self, time: float) -> tuple[list[float], list[float], list[float]]: ...

class Ruckig:
    def __init__(self, degrees_of_freedom: int, delta_time: float) -> None: ...
    def calculate(self, problem: InputParameter, trajectory: Trajectory, /) -> Result: ...
