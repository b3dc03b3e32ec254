"""A bundle on trial passes after its time of work, fails by what it computes, and both are noted on the shelf; others are left alone."""

import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from runtime.bundles.listing import list_shelf
from runtime.bundles.run_choice import PASSED_AFTER_S, BundleRun, begin_run
from runtime.bundles.shelf_changes import ShelfPlace
from runtime.bundles.shelf_file import Entry, Shelf, write_shelf
from runtime.bundles.trial_record import trial_file
from runtime.policy.bundle_trial import BundleTrial

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=timezone.utc)
TINY = Path(__file__).parents[2] / "data/tiny_bundle"
S = 1_000_000_000


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A shelf with `new` in charge and on trial, `old` proven before it."""
    for name in ("new", "old"):
        shutil.copytree(TINY, tmp_path / "bundles" / name)
    old = Entry(folder="old", trial="old-1", proven=True)
    write_shelf(tmp_path, Shelf(active=Entry(folder="new", trial="new-1"), previous=old))
    return tmp_path


def begin(state: Path) -> BundleRun:
    run = begin_run(state, NOW)
    assert run is not None
    return run


def test_it_passes_after_its_time_of_work(state: Path) -> None:
    trial, last_s = BundleTrial(begin(state)), round(PASSED_AFTER_S)
    for t_s in range(last_s):
        assert trial.look(t_s * S, works=True, n_not_finite=0, acted=True) == ""
    assert trial.on_trial
    assert trial.look(last_s * S, works=True, n_not_finite=0, acted=True) == ""
    assert not trial.on_trial
    assert not begin(state).on_trial


def test_success_that_cannot_be_noted_is_noted_later(state: Path) -> None:
    trial, last_s = BundleTrial(begin(state)), round(PASSED_AFTER_S)
    (state / "trials").rename(state / "elsewhere")
    (state / "trials").write_text("a file, no folder")
    for t_s in range(last_s + 1):
        trial.look(t_s * S, works=True, n_not_finite=0, acted=True)
    assert trial.on_trial
    (state / "trials").unlink()
    (state / "elsewhere").rename(state / "trials")
    for t_s in range(last_s + 1, 2 * last_s + 1):
        trial.look(t_s * S, works=True, n_not_finite=0, acted=True)
    assert not trial.on_trial
    assert not begin(state).on_trial


def test_time_in_which_it_does_not_work_does_not_count(state: Path) -> None:
    trial = BundleTrial(begin(state))
    for t_s in range(3 * round(PASSED_AFTER_S)):
        trial.look(t_s * S, works=t_s % 60 != 0, n_not_finite=0, acted=True)
    assert trial.on_trial


def test_asked_to_end_it_has_its_start_back(state: Path) -> None:
    for _ in range(5):
        trial = BundleTrial(begin(state))
        assert trial.on_trial
        trial.look(0, works=True, n_not_finite=0, acted=True)
        trial.ended_well()
    trial = BundleTrial(begin(state))
    trial.look(0, works=True, n_not_finite=30, acted=True)
    trial.ended_well()
    assert begin(state).name == "old"
    BundleTrial(None).ended_well()


def test_what_it_computes_may_make_it_fail(state: Path) -> None:
    trial = BundleTrial(begin(state))
    assert trial.look(0, works=True, n_not_finite=29, acted=True) == ""
    assert trial.look(S, works=True, n_not_finite=30, acted=True) == "30 of its chunks were not finite"
    assert not trial.on_trial
    assert begin(state).name == "old"


def test_one_that_passed_and_never_acted_says_so_and_is_judged_when_it_does(state: Path) -> None:
    def passed() -> BundleTrial:
        trial = BundleTrial(begin(state))
        for t_s in range(round(PASSED_AFTER_S) + 1):
            trial.look(t_s * S, works=True, n_not_finite=0, acted=False)
        assert not trial.on_trial
        return trial

    passed()
    assert list_shelf(ShelfPlace(state))[0].state == "active, passed, never followed"
    trial = BundleTrial(begin(state))
    assert not trial.on_trial
    assert trial.look(0, works=True, n_not_finite=29, acted=False) == ""
    assert trial.look(S, works=True, n_not_finite=30, acted=False) == "30 of its chunks were not finite"
    assert begin(state).name == "old"
    trial_file(state, "new-1").unlink()
    trial = passed()
    trial.look(0, works=True, n_not_finite=0, acted=True)
    assert list_shelf(ShelfPlace(state))[0].state == "active"
    assert trial.look(S, works=True, n_not_finite=1000, acted=True) == ""
    assert BundleTrial(begin(state)).look(S, works=True, n_not_finite=1000, acted=True) == ""
    assert begin(state).name == "new"


def test_one_that_is_not_on_trial_is_left_alone(state: Path) -> None:
    begin(state).failed("it smells")
    for run in (begin(state), None):
        trial = BundleTrial(run)
        assert trial.fallback == (run is not None)
        assert not trial.on_trial
        assert trial.look(1000 * S, works=True, n_not_finite=1000, acted=True) == ""
        assert begin(state).name == "old"
