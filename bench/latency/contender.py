"""What takes part in a comparison: something that runs one graph of a bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interfaces.engine import Tensors
from interfaces.errors import RefusedError

Rows = list[Tensors]  # inputs of one graph, one row a real frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to run one graph; `run` returns its only output."""

    graph: str
    name: str  # "forerun", "ONNX Runtime", "torch eager", ...
    precision: str
    run: Callable[[Tensors], NDArray[Any]]
    file_bytes: int
    memory_command: tuple[str, ...]  # a program that opens the same, runs it once, and prints by how many bytes it grew


def require_same(contenders: list[Contender], rows: Rows, max_abs: float) -> None:
    """Refuse to compare what does not compute the same: raises RefusedError naming who differs, and by how much.

    Only those in fp32 must agree; the first of them says what is right.
    """
    exact = [contender for contender in contenders if contender.precision == "fp32"]
    for row in rows[:3]:
        outputs = [np.array(contender.run(row)) for contender in exact]
        for contender, output in zip(exact[1:], outputs[1:], strict=True):
            same = output.shape == outputs[0].shape
            off = float(np.max(np.abs(output.astype(np.float64) - outputs[0]))) if same else np.inf
            if not off <= max_abs:
                raise RefusedError(
                    f"{contender.graph}: {contender.name} is off {exact[0].name} by {off:.3g}, at most {max_abs:g} is allowed:"
                    " they are not the same policy"
                )
