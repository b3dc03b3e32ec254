"""The shelf under any order of what people, the service and the power do: hypothesis plays all of them.

Whatever the order: what a start runs was checked when it came onto the shelf and is whole, nothing runs of which was said that it is bad,
nothing on trial is started more than three times while something proven is there, and where one proven bundle is left, there is
always a start. Where there is none, the refusal says so.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from typing_extensions import override

from bench.bundle_rig import make_bundle
from interfaces.errors import BundleError, RefusedError
from interfaces.robot_config import load_robot
from interfaces.trusted_path import Trust
from runtime.bundles.activation import activate, roll_back
from runtime.bundles.install import Checks, install
from runtime.bundles.run_choice import STARTS_MAX, BundleRun, begin_run
from runtime.bundles.shelf_changes import ShelfPlace, kept_names, remove
from runtime.bundles.shelf_file import Shelf
from runtime.bundles.signature import TrustedKeys
from runtime.bundles.trial_record import trial_file
from runtime.policy.bundle import open_bundle

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=timezone.utc)
ROBOT = load_robot(Path(__file__).parents[3] / "robots/simulated.toml")
EDITIONS = ("1", "2", "3")
BAD = "bad"  # it does not reproduce itself

editions = st.sampled_from(EDITIONS)
steps = st.integers(0, 12)


class _PowerCutError(BaseException):
    """Nothing is written any more."""


class AnyOrder(RuleBasedStateMachine):
    """A shelf, and what is known of each bundle on it by who watched."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(os, "fsync", lambda _: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType] - a thousand of them
        root = Path(self.folder.name)
        self.place = ShelfPlace(root / "state")
        self.checks = Checks(ROBOT, TrustedKeys(root, {}), lambda _: None)
        self.sources = {edition: make_bundle(root / edition, edition) for edition in EDITIONS}
        self.sources[BAD] = make_bundle(root / BAD, BAD, reproduces=False)
        self.names: dict[str, str] = {}  # by edition, once it was installed
        self.proven: set[str] = set()
        self.bad: dict[str, str] = {}  # trial of those of which it was said
        self.spoilt: set[str] = set()  # damaged on the disk
        self.starts: dict[str, int] = {}  # by trial
        self.run: BundleRun | None = None

    @override
    def teardown(self) -> None:
        self.patch.undo()
        self.folder.cleanup()

    # --- what people do

    @initialize(n_installed=st.integers(0, 3), proven=st.booleans(), n_starts=st.integers(0, 4))
    def begin_somewhere(self, n_installed: int, proven: bool, n_starts: int) -> None:  # noqa: FBT001
        """Begin anywhere from an empty shelf to one with a bundle proven and the next one's trial under way."""
        for edition in EDITIONS[:n_installed]:
            self.install(edition, None)
        if n_installed >= 1 and proven:
            self.activate(EDITIONS[0], None)
            self.start()
            self.work_well()
        if n_installed >= 2:
            self.activate(EDITIONS[1], None)
            self.start_again(n_starts)

    @rule(edition=editions, cut=st.none() | steps)
    def install(self, edition: str, cut: int | None) -> None:
        done: list[str] = []

        def bring() -> None:
            with self.place.changing():
                done.append(install(self.sources[edition], self.place, self.checks, replace=True).name)

        self.changed(bring, cut)
        if done:
            self.names[edition] = done[0]
            self.spoilt.discard(done[0])

    @rule()
    def install_a_bad_one(self) -> None:
        before = self.place.names()
        with pytest.raises(BundleError, match="parity"), self.place.changing():
            install(self.sources[BAD], self.place, self.checks)
        assert self.place.names() == before

    @rule(edition=editions, cut=st.none() | steps)
    def activate(self, edition: str, cut: int | None) -> None:
        name = self.names.get(edition)
        if name not in self.place.names():
            return

        def switch() -> None:
            with self.place.changing():
                activate(str(name), self.place, self.checks, lambda _: None, NOW)

        if name in self.spoilt and not self.is_proven_active(str(name)):
            with pytest.raises(BundleError):
                switch()
        else:
            before = self.shelf()
            self.changed(switch, cut)
            if before is not None and cut is None:
                self.look_behind(before)

    def look_behind(self, before: Shelf) -> None:
        """Check that what is proven is not given up for what is not."""
        after = self.shelf()
        proven = [e.folder for e in (before.active, before.previous) if e and e.trial in self.proven]
        assert after is not None
        if set(proven) - {after.active.folder}:
            assert after.previous is not None
            assert after.previous.folder in proven

    @rule(cut=st.none() | steps)
    def roll_back(self, cut: int | None) -> None:
        def back() -> None:
            with self.place.changing():
                roll_back(self.place, self.checks, NOW)

        shelf = self.shelf()
        if shelf is None or shelf.previous is None or shelf.previous.trial in self.bad:
            with pytest.raises(RefusedError):
                back()
        elif shelf.previous.folder in self.spoilt:
            with pytest.raises((BundleError, RefusedError)):
                back()
        else:
            self.changed(back, cut)

    @rule(edition=editions)
    def remove(self, edition: str) -> None:
        name, shelf = self.names.get(edition, "none"), self.shelf()
        in_charge = shelf is not None and name in {entry.folder for entry in (shelf.active, shelf.previous) if entry}
        if in_charge:
            with pytest.raises(RefusedError), self.place.changing():
                remove(self.place, name, kept_names(self.place, shelf, None))
        elif name in self.place.names():
            with self.place.changing():
                remove(self.place, name, kept_names(self.place, shelf, None))
            self.spoilt.discard(name)

    # --- what the service does

    @rule()
    def start(self) -> None:
        """Start as the service does: what turns out damaged when it is opened is noted, and the next one tried."""
        shelf = self.shelf()
        if shelf is not None and all(entry.trial in self.bad for entry in (shelf.active, shelf.previous) if entry):
            with pytest.raises(BundleError, match="is not run"):
                begin_run(self.place.state, NOW)
            self.run = None
            return
        self.run = begin_run(self.place.state, NOW)  # whatever is left is run
        assert (self.run is None) == (shelf is None)
        if self.run is not None:
            self.look(self.run)
            if self.run.name in self.spoilt:
                self.turn_out_bad()
                self.start()

    @rule(times=st.integers(2, 4))
    def start_again(self, times: int) -> None:
        """Start it, and again, as when it crashes or the power is cut."""
        for _ in range(times):
            self.start()

    def look(self, run: BundleRun) -> None:
        """Check that what runs may run."""
        shelf = self.shelf()
        assert shelf is not None
        assert run.trial not in self.bad, "it is known to be bad"
        assert run.on_trial == (run.trial not in self.proven)
        entries = {entry.trial for entry in (shelf.active, shelf.previous) if entry}
        if run.on_trial:
            self.starts[run.trial] = self.starts.get(run.trial, 0) + 1
            if entries & (self.proven - self.bad.keys()):
                assert self.starts[run.trial] <= STARTS_MAX, "started too often beside a proven one"
        if run.trial == shelf.active.trial:
            assert not run.fallback
        else:
            given_up = shelf.active.trial in self.bad or self.starts.get(shelf.active.trial, 0) >= STARTS_MAX
            assert given_up, "the one in charge was not run"
            assert "is not run" in run.said
        if run.name not in self.spoilt:
            open_bundle(run.folder, ROBOT, Trust(root=self.place.state))

    @precondition(lambda self: self.run is not None)
    @rule()
    def work_well(self) -> None:
        assert self.run is not None
        assert self.run.passed()
        if self.run.trial not in self.bad and self.is_known(self.run.trial):
            self.proven.add(self.run.trial)

    @precondition(lambda self: self.run is not None)
    @rule()
    def turn_out_bad(self) -> None:
        assert self.run is not None
        assert self.run.failed("it smokes")
        self.bad[self.run.trial] = self.run.name
        self.proven.discard(self.run.trial)

    @precondition(lambda self: self.run is not None)
    @rule()
    def is_asked_to_end(self) -> None:
        """End in order: the start is not one of the three."""
        run, self.run = self.run, None
        assert run is not None and run.ended_well()  # noqa: PT018 - the first is a precondition
        if run.counted and self.starts.get(run.trial) and run.trial not in {*self.bad, *self.proven}:
            self.starts[run.trial] -= 1

    # --- what happens

    @rule(edition=editions)
    def the_disk_rots(self, edition: str) -> None:
        name = self.names.get(edition, "none")
        if name in self.place.names():
            (self.place.bundles / name / "action.onnx").write_bytes(b"rust")
            self.spoilt.add(name)

    @precondition(lambda self: self.run is not None)
    @rule()
    def a_trial_is_lost(self) -> None:
        """Its record is gone: it begins anew, and nothing is believed of it."""
        assert self.run is not None
        trial_file(self.place.state, self.run.trial).unlink(missing_ok=True)
        self.starts.pop(self.run.trial, None)
        self.bad.pop(self.run.trial, None)
        self.proven.discard(self.run.trial)

    # --- how it is done

    def changed(self, work: Callable[[], None], cut: int | None) -> None:
        """Do it, or as much as was done when the power failed."""
        if cut is None:
            work()
            return
        left = cut

        def powered(call: Callable[..., Any]) -> Callable[..., Any]:
            def counted(*arguments: Any, **options: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise _PowerCutError
                return call(*arguments, **options)

            return counted

        with pytest.MonkeyPatch.context() as patch:
            for name in ("fsync", "rename", "replace", "unlink", "rmdir", "fchmod"):
                patch.setattr(os, name, powered(getattr(os, name)))
            try:
                work()
            except _PowerCutError:
                self.run = None  # nothing runs any more

    def shelf(self) -> Shelf | None:
        return self.place.shelf()

    def is_known(self, trial: str) -> bool:
        shelf = self.shelf()
        return shelf is not None and trial in {entry.trial for entry in (shelf.active, shelf.previous) if entry}

    def is_proven_active(self, name: str) -> bool:
        shelf = self.shelf()
        return shelf is not None and shelf.active.folder == name and shelf.active.trial in self.proven


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes
    max_examples=15,  # others at each run
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
