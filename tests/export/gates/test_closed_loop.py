"""Two points of a hundred may be lost on a task, three may not; what is said names the seeds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.gates.closed_loop import Outcomes, judge_closed_loop
from export.gates.limits import limits_of

settings.register_profile("closed_loop", deadline=None)  # examples are not timed: a busy machine makes any of them slow
settings.load_profile("closed_loop")

LIMITS = limits_of("cpu-int8")


def outcomes(**failed: list[int]) -> dict[str, dict[int, bool]]:
    """Return 100 episodes of each task, all of which succeed but those of the `failed` seeds."""
    return {task: {seed: seed not in seeds for seed in range(100)} for task, seeds in failed.items()}


def test_two_points_are_within_three_are_not() -> None:
    reference = outcomes(reach=[], push=[4])
    gate = judge_closed_loop(reference, outcomes(reach=[7, 8], push=[4]), LIMITS)
    assert (gate.name, gate.limit, gate.measured, gate.outcome) == ("closed loop", 0.02, 0.02, "passed")
    gate = judge_closed_loop(reference, outcomes(reach=[], push=[1, 2, 3]), LIMITS)
    assert (gate.measured, gate.outcome) == (0.02, "passed")
    gate = judge_closed_loop(reference, outcomes(reach=[7, 8, 9], push=[]), LIMITS)
    assert (gate.measured, gate.outcome) == (0.03, "failed")
    assert gate.worst == "task reach: 97 of 100, reference 100, lost on seed 7 8 9"


def test_a_candidate_that_is_better_is_below_zero() -> None:
    gate = judge_closed_loop(outcomes(push=[1, 2]), outcomes(push=[2]), LIMITS)
    assert (gate.measured, gate.outcome) == (-0.01, "passed")
    assert gate.worst == "task push: 99 of 100, reference 98, won on seed 1"


def test_more_seeds_than_anybody_reads_are_cut() -> None:
    gate = judge_closed_loop(outcomes(push=[]), outcomes(push=list(range(9))), LIMITS)
    assert gate.worst == "task push: 91 of 100, reference 100, lost on seed 0 1 2 3 4 ..."


@given(st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99)), st.sets(st.integers(0, 99)))
def test_the_worst_task_decides_and_so_the_whole_is_within_too(lost: set[int], won: set[int], other: set[int]) -> None:
    reference = outcomes(reach=sorted(won), lift=[])
    candidate = outcomes(reach=sorted(lost), lift=sorted(other))
    gate = judge_closed_loop(reference, candidate, LIMITS)
    losses = [len(lost) - len(won), len(other)]
    assert gate.measured == pytest.approx(max(losses) / 100)
    assert (gate.outcome == "passed") == (max(losses) <= 2)
    if gate.outcome == "passed":
        assert sum(losses) / 200 <= 0.02


@pytest.mark.parametrize(
    ("reference", "candidate"),
    [
        ({}, {}),
        ({"reach": {}}, {"reach": {}}),
        ({"reach": {1: True}}, {"reach": {2: True}}),
        ({"reach": {1: True}}, {}),
    ],
)
def test_other_episodes_are_not_compared(reference: Outcomes, candidate: Outcomes) -> None:
    with pytest.raises(ValueError, match="the same episodes"):
        judge_closed_loop(reference, candidate, LIMITS)
