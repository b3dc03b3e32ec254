"""A bundle is opened and timed in a process of its own, and the shelf is read without noting anything."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from bench.doctor.asking import ask
from bench.doctor.bundle_checks import bundle_checks
from bench.doctor.bundle_trial import BundleFacts, ShelfFacts, chosen_folder, examine, read_bundle, read_shelf_facts
from bench.doctor.check import Check, Verdict
from bench.jetson_rig import ROBOTS
from interfaces.robot_config import load_robot
from runtime.bundles.run_choice import begin_run
from runtime.bundles.shelf_file import Entry, Shelf, write_shelf

SIMULATED = ROBOTS / "simulated.toml"
ROBOT = load_robot(SIMULATED)
BUNDLE = ROBOTS / "bundles/so101-small"
PATIENT = partial(ask, timeout_s=120.0)


def test_the_bundle_that_comes_along_is_measured() -> None:
    facts = read_bundle(SIMULATED, BUNDLE, PATIENT, measure=True)
    assert (facts.name, facts.measured, facts.refused, facts.trouble) == ("so101-small", True, "", "")
    assert 0 < facts.action_p50_ms <= facts.action_p99_ms
    assert 0 < facts.foresight_p50_ms <= facts.foresight_p99_ms


def test_a_damaged_one_is_refused_whether_it_is_run_or_not(tmp_path: Path) -> None:
    broken = tmp_path / "bundle"
    shutil.copytree(BUNDLE, broken)
    (broken / "action.fp32.onnx").write_bytes((broken / "action.fp32.onnx").read_bytes()[:-1] + b"x")
    for measure in (True, False):
        facts = examine(SIMULATED, broken, measure=measure)
        assert "sha256" in facts.refused
    assert "manifest" in examine(SIMULATED, tmp_path / "none", measure=False).refused


def test_beside_a_running_robot_it_is_only_looked_at() -> None:
    facts = examine(SIMULATED, BUNDLE, measure=False)
    assert (facts.measured, facts.refused) == (False, "")
    names = [check.name for check in bundle_checks(facts, ShelfFacts(), ROBOT.policy, jetson=False)]
    assert names == ["bundle"]


def shelf(state: Path) -> ShelfFacts:
    return read_shelf_facts(state)


def test_the_shelf_says_who_is_in_charge_and_how_it_does(tmp_path: Path) -> None:
    assert not shelf(tmp_path).there
    assert chosen_folder(shelf(tmp_path), tmp_path, SIMULATED, ROBOT) == BUNDLE
    for name in ("old", "new"):
        (tmp_path / "bundles" / name).mkdir(parents=True)
        (tmp_path / "bundles" / name / "manifest.toml").touch()
    (tmp_path / "trials").mkdir()
    write_shelf(
        tmp_path, Shelf(active=Entry(folder="new", trial="new-1"), previous=Entry(folder="old", trial="o", proven=True))
    )
    before = sorted(tmp_path.rglob("*"))
    facts = shelf(tmp_path)
    assert (facts.active, chosen_folder(facts, tmp_path, SIMULATED, ROBOT).name) == ("new", "new")
    assert sorted(tmp_path.rglob("*")) == before  # nothing was noted
    (check,) = [one for one in _checks(facts) if one.name == "bundle in charge"]
    assert check.verdict is Verdict.GOOD
    run = begin_run(tmp_path, datetime(2026, 11, 21, tzinfo=timezone.utc))
    assert run is not None
    run.failed("it trembles")
    facts = shelf(tmp_path)
    assert chosen_folder(facts, tmp_path, SIMULATED, ROBOT).name == "old"
    (check,) = [one for one in _checks(facts) if one.name == "bundle in charge"]
    assert (check.verdict, "it trembles; old is run instead" in check.value) == (Verdict.WEAK, True)
    (tmp_path / "bundles/shelf.toml").write_text("active = 1")
    (check,) = [one for one in _checks(shelf(tmp_path)) if one.name == "bundle in charge"]
    assert check.verdict is Verdict.BAD


def _checks(facts: ShelfFacts) -> list[Check]:
    return list(bundle_checks(BundleFacts(), facts, ROBOT.policy, jetson=False))
