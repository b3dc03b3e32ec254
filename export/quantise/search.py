"""Which blocks to keep in higher precision so that the gates are met, and as much as possible stays in INT8.

Begin with everything that the default policy allows. While a gate fails on the held-out frames, units go back to higher precision. The
order in which they go is what a search can get wrong, so two are tried, both from what each unit costs alone:

    burden per multiply-accumulate   the most error for the least work that INT8 then no longer does: the greedy rule of the knapsack
                                     problem, whose worst case is one large unit that alone is too much and goes last
    burden                           the most error first, whatever it costs: right in just that case

The burden of a unit is the part of a failing gate's limit that it uses up alone. How many of an order must go back is found by halving:
log2(n) evaluations, not n. Then those that went are tried once more, the largest first: errors do not simply add up, and one that was
put back with others may be harmless without them. Whatever is returned was itself evaluated on every frame.

Nothing here depends on a clock or on chance: the same policy and samples give the same result.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from export.gates.figures import Figures
from export.gates.judge import all_passed, judge
from export.gates.limits import AT_MOST, Limits
from export.quantise.blocks import Layout
from export.quantise.sensitivity import Sensitivity
from export.quantise.units import Unit
from export.quantise.variants import BlockId
from interfaces.bundle_artefact import Gate
from interfaces.progress import Progress

_GIVE_BACK_MAX = 8  # how many of the units kept are tried once more


class Judging(Protocol):
    """What the search asks of a policy; `Variants` answers it."""

    layout: Layout

    def figures(self, quantised: Collection[BlockId], frames: Sequence[int] | None = None) -> Figures:
        """Return how far the policy is off with these blocks in INT8, on all frames or on some."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What to quantise, and how the policy does with it."""

    layout: Layout
    quantised: frozenset[BlockId]
    kept: tuple[Unit, ...]  # that the default policy would have quantised
    figures: Figures
    gates: tuple[Gate, ...]
    before: tuple[Gate, ...]  # with everything quantised that the default policy allows
    evaluations: int
    int8_ratio: float  # of all multiply-accumulates

    @property
    def met(self) -> bool:
        """Return whether every gate is passed."""
        return all_passed(self.gates)


def search(variants: Judging, sensitivities: Sequence[Sensitivity], limits: Limits, progress: Progress) -> SearchResult:
    """Return the largest set of units, by multiply-accumulates, that was found to meet `limits` on all held-out frames.

    Where nothing meets them, also with no unit in INT8, the result is that: `met` is false, and its gates say what fails, and where.
    """
    return _Search(variants, sensitivities, limits, progress).run()


def describe(result: SearchResult) -> str:
    """Return what was found, for people: what is kept, or which gate cannot be met on which frame and joint."""
    failed = [_in_words(gate) for gate in result.gates if gate.outcome == "failed"]
    if failed:
        return f"nothing is left to keep in higher precision, and still: {'; '.join(failed)}"
    if not result.kept:
        return f"{result.int8_ratio:.0%} of the work in INT8, as the default policy has it"
    names = ", ".join(f"{unit.graph} {unit.name}" for unit in result.kept)
    why = "; ".join(_in_words(gate) for gate in result.before if gate.outcome == "failed")
    if not result.quantised:
        return f"nothing can be in INT8; with all that the default policy allows: {why}"
    return f"{result.int8_ratio:.0%} of the work in INT8; kept in higher precision: {names}. With them in INT8: {why}"


def _in_words(gate: Gate) -> str:
    demand = "at most" if gate.name in AT_MOST else "at least"
    return f"{gate.name} is {gate.measured:.4g} at {gate.worst}, {demand} {gate.limit:.4g} is demanded"


@dataclass(frozen=True, slots=True)
class _Judged:
    """One evaluation."""

    quantised: frozenset[Unit]
    figures: Figures
    gates: tuple[Gate, ...]

    @property
    def macs(self) -> int:
        return sum(unit.macs for unit in self.quantised)


class _Search:
    def __init__(
        self, variants: Judging, sensitivities: Sequence[Sensitivity], limits: Limits, progress: Progress
    ) -> None:
        self._variants, self._limits, self._progress = variants, limits, progress
        self._units = [one.unit for one in sensitivities]
        # Sorted, so that the order of equals is not that of what was measured.
        free = sorted((one for one in sensitivities if one.unit.kept_by is None), key=lambda one: one.unit.blocks)
        self._alone = {one.unit: one.figures for one in free}
        self._hard = {joint.frame for one in free for joint in one.figures.joints}
        self._evaluations = 0
        # Everything, two times halving, and the last tries.
        self._most = 1 + 2 * (len(free).bit_length() + 1) + _GIVE_BACK_MAX

    def run(self) -> SearchResult:
        whole = self._judge(frozenset(self._alone))
        best = whole
        if not all_passed(whole.gates):
            failing = [gate for gate in whole.gates if gate.outcome == "failed"]
            found = [self._halve(order) for order in self._orders(failing)]
            best = max(found, key=lambda judged: (all_passed(judged.gates), judged.macs))
            best = self._give_back(best)
        self._progress(self._most, self._most, f"{self._variants.layout}: found")
        quantised = frozenset(block for unit in best.quantised for block in unit.ids)
        return SearchResult(
            layout=self._variants.layout,
            quantised=quantised,
            kept=tuple(unit for unit in self._alone if unit not in best.quantised),
            figures=best.figures,
            gates=best.gates,
            before=whole.gates,
            evaluations=self._evaluations,
            int8_ratio=best.macs / max(sum(unit.macs for unit in self._units), 1),
        )

    def _orders(self, failing: list[Gate]) -> list[list[Unit]]:
        burdens = {unit: max(_burden(figures, gate) for gate in failing) for unit, figures in self._alone.items()}
        per_mac = sorted(burdens, key=lambda unit: -burdens[unit] / max(unit.macs, 1))
        per_unit = sorted(burdens, key=lambda unit: -burdens[unit])
        return [per_mac] if per_mac == per_unit else [per_mac, per_unit]

    def _halve(self, order: list[Unit]) -> _Judged:
        """Return the variant that keeps the fewest of the first units of an order and passes."""
        too_few, enough = 0, len(order)
        best: _Judged | None = None
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            judged = self._judge(frozenset(order[middle:]))
            if all_passed(judged.gates):
                enough, best = middle, judged
            else:
                too_few = middle
        return best or self._judge(frozenset(order[enough:]))

    def _give_back(self, best: _Judged) -> _Judged:
        kept = sorted(self._alone.keys() - best.quantised, key=lambda unit: (-unit.macs, unit.blocks))
        for unit in kept[:_GIVE_BACK_MAX]:
            judged = self._judge(best.quantised | {unit})
            if all_passed(judged.gates):
                best = judged
        return best

    def _judge(self, quantised: frozenset[Unit]) -> _Judged:
        """Judge a variant on all frames, unless it already fails on those that were worst before."""
        self._evaluations += 1
        share = sum(unit.macs for unit in quantised) / max(sum(unit.macs for unit in self._units), 1)
        self._progress(self._evaluations - 1, self._most, f"{self._variants.layout}: {share:.0%} of the work in INT8")
        blocks = frozenset(block for unit in quantised for block in unit.ids)
        if self._evaluations > 1:
            hard = sorted(self._hard)
            judged = self._compare(quantised, self._variants.figures(blocks, hard))
            if not all_passed(judged.gates):
                return judged
        judged = self._compare(quantised, self._variants.figures(blocks))
        self._hard.update(joint.frame for joint in judged.figures.joints)
        return judged

    def _compare(self, quantised: frozenset[Unit], figures: Figures) -> _Judged:
        return _Judged(quantised, figures, judge(figures, self._limits))


def _burden(figures: Figures, gate: Gate) -> float:
    """Return how much of a gate's limit a unit uses up alone: 1 is all of it."""
    measured = {one.name: one.measured for one in judge(figures, _NO_LIMITS)}[gate.name]
    off, most = (measured, gate.limit) if gate.name in AT_MOST else (1.0 - measured, 1.0 - gate.limit)
    return float("inf") if not off >= 0 else off / most  # NaN is the worst there is


_NO_LIMITS = Limits(action_error_max_ratio=float("inf"), action_cosine_min=-1.0, foresight_cosine_min=-1.0)
