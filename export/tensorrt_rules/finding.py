"""One reason why TensorRT 10.3 would not take a graph, or would compute something else with it."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Where, which rule, what is wrong there, and what to do."""

    node: str
    rule: str
    problem: str
    remedy: str

    @override
    def __str__(self) -> str:
        """Return the one line a person reads."""
        return f"{self.node}: {self.problem} [{self.rule}]: {self.remedy}"
