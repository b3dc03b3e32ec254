"""The search keeps what costs most until the gates are met, in few evaluations, and says what it found."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto

from export.gates.figures import Figures, compare
from export.gates.limits import Limits
from export.quantise.blocks import Block, Layout, blocks_of
from export.quantise.search import SearchResult, describe, search
from export.quantise.sensitivity import Sensitivity, measure_sensitivity
from export.quantise.units import Unit, units_of
from export.quantise.variants import BlockId, Variants, measure_policy
from interfaces.progress import silent
from tests.data.make_uneven_policy import COSTLY, JOINTS, uneven_action, uneven_foresight, uneven_samples

LIMITS = Limits(action_error_max_ratio=0.02, action_cosine_min=0.9)
FRAMES = 12
HARD = 7  # the frame that is wrong
Errors = Mapping[str, float]  # of each unit alone, of the action range


def unit(name: str, macs: int = 100) -> Unit:
    return Unit(name=name, graph="foresight", kind="conv", blocks=(name,), macs=macs, kept_by=None, reason="")


class Pretended:
    """A policy whose error is made up from the names of what is quantised, in one frame."""

    layout: Layout = "cpu-int8"

    def __init__(self, error: Callable[[set[str]], float]) -> None:
        self.error = error
        self.asked: list[tuple[frozenset[str], bool]] = []  # blocks, whether on every frame
        rng = np.random.default_rng(5)
        self.tokens: NDArray[np.float64] = rng.normal(size=(FRAMES, 2, 4))
        self.positions: NDArray[np.float64] = rng.normal(size=(FRAMES, 6, 3))

    def figures(self, quantised: Collection[BlockId], frames: Sequence[int] | None = None) -> Figures:
        names = {one.block for one in quantised}
        self.asked.append((frozenset(names), frames is None))
        positions = self.positions.copy()
        if frames is None or HARD in frames:
            span = np.ptp(positions[:, :, 1])
            positions[HARD, 2, 1] += self.error(names) * span
        return compare(self.tokens, self.positions, self.tokens, positions, ("a", "b", "c"))


def find(error: Callable[[set[str]], float], units: Sequence[Unit]) -> tuple[SearchResult, Pretended]:
    policy = Pretended(error)
    alone = [Sensitivity(unit=one, figures=policy.figures(one.ids)) for one in units]
    policy.asked.clear()
    return search(policy, alone, LIMITS, silent), policy


def summed(errors: Errors) -> Callable[[set[str]], float]:
    return lambda names: sum(errors[name] for name in names)


def kept(result: SearchResult) -> set[str]:
    return {one.name for one in result.kept}


def test_what_meets_the_gates_at_once_is_evaluated_once() -> None:
    result, policy = find(summed({"a": 0.005, "b": 0.01}), [unit("a"), unit("b")])
    assert (result.met, kept(result), result.evaluations, len(policy.asked)) == (True, set(), 1, 1)
    assert result.int8_ratio == 1.0
    assert describe(result) == "100% of the work in INT8, as the default policy has it"


def test_one_costly_unit_among_many_is_found_in_a_few_evaluations() -> None:
    errors = {f"u{number:02}": 0.0001 for number in range(60)} | {"u33": 0.5}
    result, policy = find(summed(errors), [unit(name) for name in errors])
    assert kept(result) == {"u33"}
    assert result.met
    assert result.evaluations < 12 < len(errors)
    assert result.quantised == {("foresight", name) for name in errors if name != "u33"}
    assert (frozenset(errors) - {"u33"}, True) in policy.asked  # the result itself was judged on every frame


def test_what_fails_on_the_frame_that_was_worst_is_not_run_on_the_others() -> None:
    errors = {f"u{number}": 0.01 for number in range(20)}
    _, policy = find(summed(errors), [unit(name) for name in errors])
    everywhere = [names for names, whole in policy.asked if whole]
    assert all(len(names) <= 2 for names in everywhere[1:])  # 2 of 0.01 pass


def test_of_equal_units_as_many_stay_as_the_limit_allows() -> None:
    errors = {f"u{number:02}": 0.003 for number in range(20)}
    result, _ = find(summed(errors), [unit(name) for name in errors])
    assert len(result.quantised) == 6  # 6 * 0.003 <= 0.02
    assert result.figures.action_error.value == pytest.approx(0.018)


def test_little_work_goes_back_before_much_work_of_the_same_error() -> None:
    errors = {"large": 0.015, "small": 0.015}
    result, _ = find(summed(errors), [unit("large", 1000), unit("small", 10)])
    assert kept(result) == {"small"}


def test_one_large_unit_that_alone_is_too_much_does_not_drag_the_others_along() -> None:
    errors = {"large": 0.03} | {f"u{number}": 0.001 for number in range(10)}
    sizes = {"large": 10_000}
    result, _ = find(summed(errors), [unit(name, sizes.get(name, 50)) for name in errors])
    assert kept(result) == {"large"}  # per multiply-accumulate it would go last


def test_what_is_harmless_without_the_others_is_given_back() -> None:
    def error(names: set[str]) -> float:
        if {"calm", "late"} <= names:  # only together, and calm alone looks harmless
            return 0.05
        return max({"noisy": 0.015, "loud": 0.012, "late": 0.001, "calm": 0.0005}[name] for name in names | {"calm"})

    result, _ = find(error, [unit(name) for name in ("noisy", "loud", "late", "calm")])
    assert result.met
    assert kept(result) == {"late"}


def test_the_order_of_the_table_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    errors = {f"u{number:02}": float(error) for number, error in enumerate(rng.exponential(0.004, 30))}
    units = [unit(name, int(macs)) for name, macs in zip(errors, rng.integers(1, 4, 30) * 100, strict=True)]
    result, _ = find(summed(errors), units)
    turned, _ = find(summed(errors), units[::-1])
    assert result.met
    assert result.quantised == turned.quantised
    assert result.kept == turned.kept


def test_only_what_the_default_policy_allows_is_quantised() -> None:
    first = replace(unit("first"), kept_by="default", reason="first layer")
    result, policy = find(lambda _names: 0.0, [unit("a"), first])
    assert result.quantised == {("foresight", "a")}
    assert result.int8_ratio == 0.5
    assert kept(result) == set()
    assert all("first" not in names for names, _ in policy.asked)


def test_where_nothing_can_be_quantised_it_says_so() -> None:
    result, _ = find(lambda names: 0.03 if names else 0.0, [unit("a"), unit("b")])
    assert result.met
    assert (result.quantised, result.int8_ratio) == (frozenset(), 0.0)
    assert describe(result) == (
        "nothing can be in INT8; with all that the default policy allows: "
        "action error is 0.03 at frame 7, joint b, at most 0.02 is demanded"
    )


def test_where_nothing_is_left_to_keep_it_says_which_gate_fails_and_where() -> None:
    result, _ = find(lambda _names: 0.04, [unit("a"), unit("b")])
    assert not result.met
    assert describe(result) == (
        "nothing is left to keep in higher precision, and still: "
        "action error is 0.04 at frame 7, joint b, at most 0.02 is demanded"
    )


def test_what_is_kept_is_named_with_what_it_would_cost() -> None:
    result, _ = find(summed({"a": 0.03, "b": 0.001}), [unit("a"), unit("b", 300)])
    assert describe(result) == (
        "75% of the work in INT8; kept in higher precision: foresight a. With them in INT8: "
        "action error is 0.031 at frame 7, joint b, at most 0.02 is demanded"
    )


def test_not_a_number_is_the_worst_cost() -> None:
    result, _ = find(lambda names: float("nan") if "a" in names else 0.0, [unit("a"), unit("b"), unit("c")])
    assert result.met
    assert kept(result) == {"a"}


FREE = {"net.one", COSTLY, "net.two", "mix"}


def freed(model: ModelProto, layout: Layout) -> tuple[Block, ...]:
    """Return the blocks, of which these four may be quantised, whatever the default policy thinks of networks so small."""
    reasons = {False: "not in this test", True: None}
    return tuple(replace(block, kept_because=reasons[block.name in FREE]) for block in blocks_of(model, layout))


@pytest.mark.parametrize("layout", get_args(Layout))
def test_a_real_policy_meets_the_gates_once_its_costly_block_is_kept(layout: Layout) -> None:
    foresight, action = uneven_foresight(), uneven_action()
    policy = measure_policy(foresight, action, JOINTS, uneven_samples(20, seed=1), silent)
    variants = Variants(policy, layout, uneven_samples(20, seed=2))
    units = units_of({"foresight": freed(foresight, layout), "action": freed(action, layout)})
    told: list[tuple[int, int]] = []
    alone = measure_sensitivity(variants, units, range(20), silent)
    result = search(variants, alone, LIMITS, lambda done, total, _text: told.append((done, total)))
    assert result.met
    assert kept(result) == {COSTLY}
    assert {gate.name for gate in result.before if gate.outcome == "failed"} >= {"action error"}
    assert {one.block for one in result.quantised} == FREE - {COSTLY}
    assert variants.figures(result.quantised) == result.figures
    assert told[-1][0] == told[-1][1]
    assert all(done <= total for done, total in told)
