"""Killed at every single step to the disk, the shelf has a bundle that works: the old or the new one, and never half of one."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from bench.bundle_rig import killed_at, make_bundle
from interfaces.robot_config import RobotConfig
from interfaces.trusted_path import Trust
from runtime.bundles.activation import activate, roll_back
from runtime.bundles.install import Checks, install
from runtime.bundles.run_choice import begin_run
from runtime.bundles.shelf_changes import ShelfPlace, remove
from runtime.bundles.signature import TrustedKeys
from runtime.policy.bundle import open_bundle

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=timezone.utc)
STEPS_MAX = 60

Work = Callable[[], object]


class Rig:
    """A shelf with one bundle proven and in charge, one more, and one to bring."""

    def __init__(self, folder: Path, robot: RobotConfig) -> None:
        self.place = ShelfPlace(folder / "state")
        self.checks = Checks(robot, TrustedKeys(folder, {}), lambda _: None)
        self.source = make_bundle(folder / "third", "3")
        with self.place.changing():
            self.one = self.install(make_bundle(folder / "first", "1"))
            self.two = self.install(make_bundle(folder / "second", "2"))
            activate(self.one, self.place, self.checks, lambda _: None, NOW)
        self.start()

    def install(self, source: Path) -> str:
        return install(source, self.place, self.checks, replace=True).name

    def start(self) -> str:
        """Start what is in charge, pass its trial, and return its name."""
        run = begin_run(self.place.state, NOW)
        assert run is not None
        run.passed()
        return run.name

    def works(self) -> str:
        """Return which bundle runs; that is opened with every check."""
        name = self.start()
        open_bundle(self.place.bundles / name, self.checks.robot, Trust(root=self.place.state))
        return name


@pytest.fixture
def rig(tmp_path: Path, robot: RobotConfig) -> Rig:
    return Rig(tmp_path, robot)


def at_every_step(work: Work, look: Callable[[], object]) -> int:
    """Kill `work` before its first step, its second, ... until it gets to its end; look after each. Return how many steps it has."""
    for step in range(STEPS_MAX):
        done = killed_at(step, work)
        look()
        if done:
            return step
    raise AssertionError(f"it never ends: more than {STEPS_MAX} steps")


def test_an_installation_is_there_whole_or_not_at_all(rig: Rig) -> None:
    seen: set[int] = set()

    def third() -> None:
        with rig.place.changing():
            rig.install(rig.source)

    def look() -> None:
        assert rig.works() == rig.one
        names = rig.place.names()
        seen.add(len(names))
        for name in names:
            open_bundle(rig.place.bundles / name, rig.checks.robot, Trust(root=rig.place.state))
        if len(names) == 3:  # or each next one would find it there already
            with rig.place.changing():
                remove(rig.place, next(name for name in names if name not in {rig.one, rig.two}), {})

    assert at_every_step(third, look) >= 8
    assert seen == {2, 3}
    with rig.place.changing():
        assert not [path for path in rig.place.bundles.iterdir() if path.name.startswith((".install", ".gone"))]


def test_a_switch_is_made_or_not(rig: Rig) -> None:
    seen: set[str] = set()

    def switch() -> None:
        with rig.place.changing():
            activate(rig.two, rig.place, rig.checks, lambda _: None, NOW)

    def look() -> None:
        seen.add(rig.works())
        with rig.place.changing():
            activate(rig.one, rig.place, rig.checks, lambda _: None, NOW)

    assert at_every_step(switch, look) >= 4
    assert seen == {rig.one, rig.two}


def test_going_back_is_done_or_not(rig: Rig) -> None:
    seen: set[str] = set()
    with rig.place.changing():
        activate(rig.two, rig.place, rig.checks, lambda _: None, NOW)
    assert rig.works() == rig.two

    def back() -> None:
        with rig.place.changing():
            roll_back(rig.place, rig.checks, NOW)

    def look() -> None:
        seen.add(rig.works())
        with rig.place.changing():
            activate(rig.two, rig.place, rig.checks, lambda _: None, NOW)

    assert at_every_step(back, look) >= 4
    assert seen == {rig.one, rig.two}


def test_a_bundle_is_removed_or_there(rig: Rig) -> None:
    def away() -> None:
        with rig.place.changing():
            remove(rig.place, rig.two, {})

    def look() -> None:
        assert rig.works() == rig.one
        if rig.two in rig.place.names():
            open_bundle(rig.place.bundles / rig.two, rig.checks.robot, Trust(root=rig.place.state))
        else:
            with rig.place.changing():
                assert rig.install(rig.source.parent / "second") == rig.two

    assert at_every_step(away, look) >= 2


def test_a_start_is_counted_or_not(rig: Rig) -> None:
    with rig.place.changing():
        activate(rig.two, rig.place, rig.checks, lambda _: None, NOW)
    for step in range(4):  # each breaks off somewhere while it is noted
        killed_at(step, lambda: begin_run(rig.place.state, NOW))
        assert rig.place.stands(rig.place.shelf())[rig.two].starts <= step
    run = begin_run(rig.place.state, NOW)
    assert run is not None
    assert run.name == rig.two
