"""Who is put in charge was checked again; who is given up for it, and what is left to fall back to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from interfaces.errors import BundleError, ForerunError, RefusedError, UnfitError
from interfaces.robot_config import RobotConfig
from runtime.bundles.activation import activate, roll_back
from runtime.bundles.install import Checks, Installed
from runtime.bundles.open_run import open_run
from runtime.bundles.run_choice import STARTS_MAX, BundleRun, begin_run
from runtime.bundles.shelf_changes import ShelfPlace
from runtime.bundles.shelf_file import SHELF_FILE, Shelf, read_shelf
from runtime.bundles.trial_record import trials_of
from runtime.policy.bundle import LoadedBundle

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=timezone.utc)

Bring = Callable[..., Installed]
On = Callable[..., Shelf]
Back = Callable[[], Shelf]
Start = Callable[[], BundleRun]


@pytest.fixture
def on(place: ShelfPlace, checks: Checks) -> Callable[..., Shelf]:
    """Activates a bundle of the shelf; its dry run is well unless it is said otherwise."""

    def on(name: str, before: str | None = None, try_out: Callable[[LoadedBundle], None] | None = None) -> Shelf:
        with place.changing():
            return activate(name, place, checks, try_out or (lambda _: None), NOW, before=before)

    return on


@pytest.fixture
def back(place: ShelfPlace, checks: Checks) -> Callable[[], Shelf]:
    """Goes back to the bundle before."""

    def back() -> Shelf:
        with place.changing():
            return roll_back(place, checks, NOW)

    return back


@pytest.fixture
def start(place: ShelfPlace) -> Callable[[], BundleRun]:
    """Starts what is in charge."""

    def start() -> BundleRun:
        run = begin_run(place.state, NOW)
        assert run is not None
        return run

    return start


def test_a_new_bundle_is_on_trial_and_the_proven_one_behind_it(bring: Bring, on: On, start: Start) -> None:
    one, two, three = (bring(edition).name for edition in "123")
    on(one)
    assert (start().name, start().on_trial) == (one, True)
    start().passed()
    assert on(two).previous is not None
    run = start()
    assert (run.name, run.on_trial) == (two, True)
    # The second never proved itself: what the third falls back to is the first.
    assert getattr(on(three).previous, "folder", None) == one
    start().failed("it smokes")
    assert start().name == one


def test_all_is_checked_again(bring: Bring, on: On, place: ShelfPlace) -> None:
    one, two = bring("1").name, bring("2").name
    on(one)
    (place.bundles / two / "action.onnx").write_bytes(b"nothing")
    with pytest.raises(BundleError, match="its sha256 is"):
        on(two)
    assert getattr(getattr(read_shelf(place.state), "active", None), "folder", None) == one


def test_a_dry_run_that_goes_wrong_changes_nothing(bring: Bring, on: On, place: ShelfPlace) -> None:
    def go_wrong(_: LoadedBundle) -> None:
        raise BundleError("dry run of tiny: not finite")

    name = bring("1").name
    with pytest.raises(BundleError, match="dry run"):
        on(name, try_out=go_wrong)
    assert read_shelf(place.state) is None


def test_the_robot_files_own_bundle_is_the_first_to_fall_back_to(bring: Bring, on: On, start: Start) -> None:
    one, two = bring("1").name, bring("2").name
    on(two, before=one)
    start().failed("it smokes")
    run = start()
    assert (run.name, run.on_trial, run.fallback) == (one, False, True)


def test_but_not_where_it_is_damaged(bring: Bring, on: On, place: ShelfPlace, said: list[str]) -> None:
    one, two = bring("1").name, bring("2").name
    (place.bundles / one / "action.onnx").write_bytes(b"nothing")
    assert on(two, before=one).previous is None
    assert "is no help should this one fail" in said[-1]


def test_a_person_gives_a_failed_one_another_trial(bring: Bring, on: On, start: Start) -> None:
    one, two = bring("1").name, bring("2").name
    on(one)
    start().passed()
    on(two)
    for _ in range(STARTS_MAX):
        start()
    assert start().name == one
    on(two)
    assert [start().name for _ in range(STARTS_MAX + 1)] == [two, two, two, one]


def test_one_that_passed_is_not_doubted_again(bring: Bring, on: On, start: Start, said: list[str]) -> None:
    one, two = bring("1").name, bring("2").name
    on(one)
    start().passed()
    before = on(two)
    start().passed()
    on(one)
    assert (start().name, start().on_trial) == (one, False)
    assert on(one) != before
    assert "nothing to do" in said[-1]


def test_back_and_forth(bring: Bring, on: On, back: Back, start: Start) -> None:
    one, two = bring("1").name, bring("2").name
    on(one)
    start().passed()
    on(two)
    start()
    back()
    assert (start().name, start().on_trial) == (one, False)
    back()
    run = start()
    assert (run.name, run.on_trial) == (two, True)
    assert "start 2 of 3" in run.said
    run.failed("it smokes")
    back()
    with pytest.raises(RefusedError, match=f"{two}, failed: it smokes; forerun bundle activate {two}"):
        back()
    assert start().name == one


def test_back_to_nothing_is_refused(bring: Bring, on: On, back: Back) -> None:
    with pytest.raises(RefusedError, match="no previous bundle"):
        back()
    on(bring("1").name)
    with pytest.raises(RefusedError, match="no previous bundle"):
        back()


def test_back_to_a_damaged_one_is_refused(bring: Bring, on: On, back: Back, place: ShelfPlace) -> None:
    one, two = bring("1").name, bring("2").name
    on(one)
    on(two)
    (place.bundles / one / "parity.npz").write_bytes(b"nothing")
    with pytest.raises(BundleError, match="its sha256"):
        back()
    assert getattr(getattr(read_shelf(place.state), "active", None), "folder", None) == two


def test_activation_mends_a_damaged_shelf(bring: Bring, on: On, place: ShelfPlace, start: Start) -> None:
    one, two = bring("1").name, bring("2").name
    on(one)
    (place.bundles / SHELF_FILE).write_text("nonsense")
    with pytest.raises(BundleError, match="bundle activate NAME writes a new one"):
        start()
    on(two)
    assert start().name == two


def test_trials_that_are_over_are_forgotten(bring: Bring, on: On, place: ShelfPlace, start: Start) -> None:
    for edition in "1234":
        on(bring(edition).name)
        start().passed()
    assert len(list(trials_of(place.state).iterdir())) == 2
    (trials_of(place.state) / ".half.toml.77.tmp").write_text("killed")
    on(bring("5").name)
    start()
    assert len(list(trials_of(place.state).iterdir())) == 2


def test_a_bundle_that_no_longer_fits_the_robot_is_not_activated(
    bring: Bring, place: ShelfPlace, checks: Checks, robot: RobotConfig
) -> None:
    name = bring("1").name
    other = replace(robot, policy=replace(robot.policy, foresight_age_max_ms=900.0))
    with pytest.raises(ForerunError, match="was trained up to"), place.changing():
        activate(name, place, Checks(other, checks.keys, checks.say), lambda _: None, NOW)


def test_one_that_does_not_know_what_the_robot_file_says_to_follow_is_not_put_in_charge(
    bring: Bring, on: On, place: ShelfPlace, checks: Checks, robot: RobotConfig
) -> None:
    one, two = bring("1").name, bring("2").name

    def following(follow: str) -> Checks:
        return Checks(replace(robot, policy=replace(robot.policy, follow=follow)), checks.keys, checks.say)

    tried: list[LoadedBundle] = []
    known = r"does not know 'dance', .*policy\.follow.*; it knows reach, push, press, lift, rest"
    with pytest.raises(UnfitError, match=known), place.changing():
        activate(one, place, following("dance"), tried.append, NOW)
    assert tried == []
    assert read_shelf(place.state) is None
    on(one)
    on(two)
    with pytest.raises(UnfitError, match=known), place.changing():
        roll_back(place, following("dance"), NOW)
    assert getattr(getattr(read_shelf(place.state), "active", None), "folder", None) == two
    for follow in ("rest", "push"):
        with place.changing():
            activate(one, place, following(follow), tried.append, NOW)
    assert len(tried) == 2


def test_what_was_activated_is_opened_by_the_service(
    bring: Bring, on: On, place: ShelfPlace, robot: RobotConfig
) -> None:
    name = bring("1").name
    on(name)
    opened = open_run(place.state, robot, NOW)
    assert opened is not None
    assert opened[0].folder == Path(place.bundles / name)
