"""Which bundle a start runs: the trial counts starts over reboots, and the one before is run when it fails."""

import os
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from interfaces.errors import BundleError, UnfitError
from interfaces.robot_config import RobotConfig
from runtime.bundles.open_run import open_run
from runtime.bundles.run_choice import STARTS_MAX, BundleRun, begin_run
from runtime.bundles.shelf_file import Entry, Shelf, write_shelf
from runtime.bundles.trial_record import TrialRecord, read_trial, trial_file

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=timezone.utc)
TINY = Path(__file__).parents[2] / "data/tiny_bundle"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with two bundles, `new` in charge and on trial, `old` proven."""
    for name in ("new", "old"):
        shutil.copytree(TINY, tmp_path / "bundles" / name)
    put(tmp_path, "new", "old")
    return tmp_path


def put(state: Path, active: str, previous: str | None) -> None:
    """Put a bundle in charge."""
    before = Entry(folder=previous, trial=f"{previous}-1", proven=True) if previous else None
    write_shelf(state, Shelf(active=Entry(folder=active, trial=f"{active}-1"), previous=before))


def begin(state: Path) -> BundleRun:
    """Return what the next start runs; there must be something."""
    run = begin_run(state, NOW)
    assert run is not None
    return run


def noted(state: Path) -> TrialRecord:
    found = read_trial(state, "new-1")
    assert isinstance(found, TrialRecord)
    return found


def test_a_shelf_where_nobody_is_in_charge_chooses_nothing(tmp_path: Path) -> None:
    assert begin_run(tmp_path, NOW) is None


def test_three_starts_without_success_are_a_failed_trial(state: Path) -> None:
    for number in range(1, STARTS_MAX + 1):
        run = begin(state)
        assert (run.name, run.on_trial, run.fallback) == ("new", True, False)
        assert f"on trial: start {number} of 3" in run.said
    for run in (begin(state), begin(state)):  # every time
        assert (run.name, run.on_trial, run.fallback) == ("old", False, True)
        for part in ("runs the previous bundle old", "new is not run", "started 3 times", "bundle activate new"):
            assert part in run.said
        assert run.folder == state / "bundles/old"


def test_a_start_that_ended_as_it_was_asked_to_is_not_one_of_the_three(state: Path) -> None:
    for _ in range(2 * STARTS_MAX):
        run = begin(state)
        assert "on trial: start 1 of 3" in run.said
        assert run.ended_well()
    assert noted(state).starts == 0
    begin(state)  # its power was cut
    assert "start 2 of 3" in begin(state).said


def test_an_ordered_end_changes_no_verdict(state: Path) -> None:
    run = begin(state)
    run.passed()
    assert run.ended_well()
    assert (noted(state).outcome, noted(state).starts) == ("passed", 1)
    run.failed("it smokes")
    assert run.ended_well()
    assert (noted(state).outcome, noted(state).starts) == ("failed", 1)
    begin(state).ended_well()  # the previous one, which was not counted
    assert not trial_file(state, "old-1").exists()


def test_a_start_that_was_not_counted_is_not_taken_back(state: Path) -> None:
    put(state, "new", None)
    for _ in range(STARTS_MAX):
        begin(state)
    begin(state).ended_well()  # the last resort
    assert noted(state).starts == STARTS_MAX
    run = begin(state)
    trial_file(state, "new-1").unlink()
    run.ended_well()
    assert not trial_file(state, "new-1").exists()


def test_an_end_that_is_ordered_while_it_opens_is_not_held_against_it(
    state: Path, robot: RobotConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(*_: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr("runtime.bundles.open_run.open_bundle", leave)
    with pytest.raises(SystemExit):
        open_run(state, robot, NOW)
    assert noted(state).starts == 0


def test_one_that_passed_is_run_for_ever(state: Path) -> None:
    assert begin(state).passed()
    for _ in range(5):
        run = begin(state)
        assert (run.name, run.on_trial) == ("new", False)
    assert noted(state).starts == 1
    assert noted(state).first_start == "2026-11-21T18:00:00+00:00"


def test_one_that_says_it_failed_is_not_run_again(state: Path) -> None:
    assert begin(state).failed("parity of action:\npositions of sample 1 is off by 0.3")
    run = begin(state)
    assert run.name == "old"
    assert "parity of action: positions of sample 1" in run.said


def test_success_does_not_forgive_a_failure(state: Path) -> None:
    run = begin(state)
    run.failed("its outputs are not finite")
    run.passed()
    assert begin(state).name == "old"


def test_one_that_passed_may_fail_later(state: Path) -> None:
    run = begin(state)
    run.passed()
    run.failed("action.onnx: its sha256 is 12; the manifest says 34")
    assert begin(state).name == "old"


def test_when_both_failed_nothing_is_run(state: Path) -> None:
    begin(state).failed("it smokes")
    begin(state).failed("it smells")
    with pytest.raises(
        BundleError, match=r"new is not run: it smokes; nor the previous one, old: it smells; .*activate"
    ):
        begin_run(state, NOW)


def test_the_only_one_is_run_on_where_nobody_said_that_it_is_bad(state: Path) -> None:
    put(state, "new", None)
    for _ in range(STARTS_MAX):
        begin(state)
    run = begin(state)
    assert (run.name, run.on_trial) == ("new", True)
    assert "there is no other" in run.said
    run.failed("parity")
    with pytest.raises(BundleError, match="and there is no previous one"):
        begin_run(state, NOW)


def test_the_only_one_passes_when_it_works_after_all(state: Path) -> None:
    put(state, "new", None)
    assert [begin(state).name for _ in range(STARTS_MAX)] == ["new"] * 3
    assert begin(state).passed()
    run = begin(state)
    assert (run.on_trial, run.said) == (False, "runs bundle new")


def test_a_bundle_whose_folder_is_gone_is_not_run(state: Path) -> None:
    shutil.rmtree(state / "bundles/new")
    assert "its folder is gone" in begin(state).said


@pytest.mark.parametrize("damage", [b"", b"starts = -1\n", b"\xff", b"starts = 1\n" * 2000, b"format = 2\n"])
def test_a_damaged_trial_is_a_failed_one_and_no_crash(state: Path, damage: bytes) -> None:
    begin(state)
    trial_file(state, "new-1").write_bytes(damage)
    run = begin(state)
    # An empty file is valid TOML, and a record of nothing: one more chance, counted.
    assert run.name == ("new" if damage == b"" else "old")


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_something_else_in_the_place_of_a_trial_is_no_crash(state: Path, kind: str) -> None:
    place = trial_file(state, "new-1")
    place.parent.mkdir()
    if kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to("/etc/hostname")
    else:
        os.mkfifo(place)
    run = begin(state)
    assert run.name == "old"
    put(state, "new", None)
    assert begin(state).name == "new"  # nothing is known against it


def test_starts_that_cannot_be_counted_are_not_made_where_there_is_a_proven_one(state: Path) -> None:
    (state / "trials").write_text("a file, no folder")
    run = begin(state)
    assert (run.name, run.fallback) == ("old", True)
    assert "new is not run" in run.said
    assert run.passed()  # it is proven; nothing to note
    assert not run.failed("it smells")
    put(state, "new", None)
    assert begin(state).name == "new"


def test_a_damaged_shelf_is_said(state: Path) -> None:
    (state / "bundles/shelf.toml").write_text("active = 3\n")
    with pytest.raises(BundleError, match=r"shelf\.toml: active is 3; expected a table; forerun bundle activate NAME"):
        begin_run(state, NOW)


@pytest.mark.parametrize("name", ["../old", "/old", ".hidden", "a/b", ""])
def test_a_shelf_names_only_what_lies_on_it(state: Path, name: str) -> None:
    (state / "bundles/shelf.toml").write_text(f'format = 1\n[active]\nfolder = "{name}"\ntrial = "x"\nproven = true\n')
    with pytest.raises(BundleError, match=r"active\.folder"):
        begin_run(state, NOW)


def test_the_chosen_one_is_opened(state: Path, robot: RobotConfig) -> None:
    opened = open_run(state, robot, NOW)
    assert opened is not None
    run, bundle = opened
    assert (run.name, run.on_trial, bundle.manifest.name) == ("new", True, "tiny")


def test_one_that_does_not_open_is_failed_and_the_one_before_runs_at_once(state: Path, robot: RobotConfig) -> None:
    (state / "bundles/new/action.onnx").write_bytes(b"nothing")
    opened = open_run(state, robot, NOW)
    assert opened is not None
    assert opened[0].name == "old"
    assert noted(state).outcome == "failed"
    assert "sha256" in noted(state).why


def test_that_works_also_where_nothing_can_be_noted(state: Path, robot: RobotConfig) -> None:
    (state / "bundles/new/action.onnx").write_bytes(b"nothing")
    (state / "trials").write_bytes(b"a file, no folder")
    put(state, "new", None)
    with pytest.raises(BundleError, match="new is not run"):
        open_run(state, robot, NOW)
    put(state, "new", "old")
    opened = open_run(state, robot, NOW)
    assert opened is not None
    assert opened[0].name == "old"


def test_a_robot_file_of_another_robot_is_not_held_against_a_bundle(state: Path, robot: RobotConfig) -> None:
    manifest = state / "bundles/new/manifest.toml"
    manifest.write_text(manifest.read_text().replace("width_px = 424", "width_px = 640"))
    with pytest.raises(UnfitError):
        open_run(state, robot, NOW)
    assert noted(state).outcome == "undecided"


@pytest.mark.parametrize("place", ["", "bundles", "bundles/new", "bundles/new/action.onnx", "bundles/shelf.toml"])
def test_what_everybody_may_write_is_not_trusted(state: Path, robot: RobotConfig, place: str) -> None:
    (state / place).chmod(0o777)
    if "new" in place:
        opened = open_run(state, robot, NOW)
        assert opened is not None
        assert opened[0].name == "old"
        assert "everybody may write it" in noted(state).why
    else:
        with pytest.raises(BundleError, match="everybody may write it"):
            open_run(state, robot, NOW)
