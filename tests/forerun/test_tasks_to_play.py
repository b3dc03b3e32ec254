"""A policy plays what it has learnt: by default all of that, and nothing else when asked."""

from dataclasses import replace
from pathlib import Path

import pytest

from forerun.defaults import TASKS
from forerun.tasks_to_play import tasks_to_play
from interfaces.bundle_manifest import load_manifest
from interfaces.errors import RefusedError
from sim.tasks import TASKS as SIMULATED

MANIFEST = load_manifest(Path(__file__).parents[2] / "robots/bundles/so101-small")
KNOWING_MORE = replace(MANIFEST, instructions=("fold the shirt", "lift", "reach"))


def test_the_command_offers_all_simulated_tasks() -> None:
    assert tuple(SIMULATED) == TASKS


def test_default_is_what_both_know() -> None:
    assert tasks_to_play(None, MANIFEST) == ("reach", "push", "press", "lift")
    assert tasks_to_play(None, KNOWING_MORE) == ("reach", "lift")


def test_what_is_asked_for_is_played_once_and_in_order() -> None:
    assert tasks_to_play(["lift", "reach", "lift"], MANIFEST) == ("lift", "reach")


def test_what_was_not_learnt_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"^so101-small has not learnt choose, only reach, push, press, lift$"):
        tasks_to_play(["reach", "choose"], MANIFEST)
    with pytest.raises(RefusedError, match=r"none of the simulator's tasks \(reach, push, press, lift, choose\)"):
        tasks_to_play(None, replace(MANIFEST, instructions=("fold the shirt",)))
