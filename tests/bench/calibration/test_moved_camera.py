"""A policy that fails before a moved camera succeeds again behind the guard; what is moved too far is refused."""

from dataclasses import replace

import pytest

from bench.calibration.moved_camera import Case, Ending, Trials, table_of
from bench.calibration.view import LIMITS


@pytest.fixture(scope="module")
def trials() -> Trials:
    """The simulated robot and its view record."""
    return Trials(6.0, LIMITS)


@pytest.mark.slow  # eight episodes
def test_the_camera_moved_and_corrected(trials: Trials) -> None:
    """At 38 mm and 5.5 degrees three of ten episodes succeed without correction, 95 of a hundred with it."""
    case = Case(push_mm=38.0, push_deg=5.5, view="off", task="press", seed=0)
    without = [trials.run(replace(case, seed=seed)) for seed in range(4)]
    corrected = [trials.run(replace(case, seed=seed, view="correct")) for seed in range(4)]
    n_without, n_corrected = (sum(ending.success_s is not None for ending in each) for each in (without, corrected))
    assert n_corrected >= 3
    assert n_corrected > n_without


def test_corrected_the_policy_does_its_task(trials: Trials) -> None:
    assert trials.run(Case(push_mm=38.0, push_deg=5.5, view="correct", task="press", seed=0)).success_s is not None


def test_what_may_not_be_corrected_is_refused(trials: Trials) -> None:
    assert trials.run(Case(push_mm=20.0, push_deg=2.0, view="check", task="reach", seed=1)).refused
    assert trials.run(Case(push_mm=60.0, push_deg=8.0, view="correct", task="reach", seed=1)).refused
    in_place = trials.run(Case(push_mm=0.0, push_deg=0.0, view="check", task="reach", seed=1))
    assert not in_place.refused
    assert in_place.success_s is not None


def test_the_table_counts_what_was_refused_as_not_done() -> None:
    case = Case(push_mm=60.0, push_deg=8.0, view="correct", task="reach", seed=0)
    endings = [Ending(case=case, refused=True, success_s=None), Ending(case=case, refused=False, success_s=2.0)]
    table = table_of(endings)
    assert [list(column.cells) for column in table.columns][2:4] == [["1/2"], ["1/2"]]
    assert list(table.columns[-1].cells) == ["1/2"]
