"""What was found at export beside what is found here, under the stricter limit; what was not measured is not passed."""

from dataclasses import replace

import numpy as np
import pytest

from export.gates.figures import Figures, Worst
from export.gates.judge import judge
from export.gates.limits import limits_of
from export.gates.recheck import Finding, laxer, recheck, sound
from interfaces.bundle_artefact import Gate

OWN = limits_of("cpu-int8")
FIGURES = Figures(
    frames=300,
    action_error=Worst(0.015, "frame 217, joint wrist_flex"),
    action_cosine=Worst(0.997, "frame 3"),
    foresight_cosine=Worst(0.995, "frame 4"),
    action_max_abs_rad=Worst(0.02, "frame 217, joint wrist_flex"),
    foresight_max_abs=Worst(0.1, "frame 4"),
    joints=(),
)
EXPORTED = judge(replace(FIGURES, action_error=Worst(0.012, "frame 5, joint grip")), OWN)


def by_name(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


def test_both_figures_stand_side_by_side() -> None:
    found = by_name(recheck(EXPORTED, OWN, FIGURES, "not played"))
    error = found["action error"]
    assert (error.limit, error.at_export, error.here, error.outcome) == (0.02, 0.012, 0.015, "passed")
    assert error.where == "frame 217, joint wrist_flex"
    assert (found["closed loop"].outcome, found["closed loop"].where) == ("skipped", "not played")
    assert list(found) == ["action error", "action cosine", "foresight cosine", "closed loop"]


def test_another_processor_that_is_beyond_the_limit_fails() -> None:
    here = replace(FIGURES, action_error=Worst(0.09, "frame 1, joint grip"), foresight_cosine=Worst(np.nan, "frame 2"))
    found = by_name(recheck(EXPORTED, OWN, here, "not played"))
    assert (found["action error"].at_export, found["action error"].outcome) == (0.012, "failed")
    assert found["foresight cosine"].outcome == "failed"
    assert found["action cosine"].outcome == "passed"


@pytest.mark.parametrize(("limit", "outcome", "counted"), [(0.5, "passed", 0.02), (0.01, "failed", 0.01)])
def test_the_stricter_limit_counts(limit: float, outcome: str, counted: float) -> None:
    exported = (replace(EXPORTED[0], limit=limit),)
    found = by_name(recheck(exported, OWN, FIGURES, "not played"))["action error"]
    assert (found.limit, found.outcome) == (counted, outcome)
    assert bool(laxer(exported, OWN)) == (limit > 0.02)


def test_a_laxer_cosine_is_a_smaller_one() -> None:
    gate = Gate(name="action cosine", limit=0.9, measured=0.92, outcome="passed", worst="frame 1")
    assert laxer((gate,), OWN) == (
        "action cosine: the manifest's limit 0.9 is laxer than forerun's 0.995, which counts",
    )
    assert laxer((replace(gate, limit=0.9999),), OWN) == ()


def test_a_gate_of_a_later_version_is_not_passed_unseen() -> None:
    strange = Gate(name="jerk", limit=1.0, measured=0.5, outcome="passed", worst="frame 1")
    found = by_name(recheck((strange,), OWN, FIGURES, "not played"))["jerk"]
    assert (found.outcome, found.limit, found.at_export) == ("skipped", 1.0, 0.5)
    assert found.where == "this version of forerun knows no such gate"
    assert laxer((strange,), OWN) == ()


def test_without_held_out_frames_nothing_is_passed() -> None:
    findings = recheck(EXPORTED, OWN, "the bundle holds no held-out frames", "not played")
    assert {finding.outcome for finding in findings} == {"skipped"}
    assert not sound({"cpu-int8": findings})


def test_what_is_sound_has_something_measured_and_nothing_failed() -> None:
    good = recheck(EXPORTED, OWN, FIGURES, "not played")
    bad = recheck(EXPORTED, OWN, replace(FIGURES, action_cosine=Worst(0.1, "frame 3")), "not played")
    assert sound({"cpu-int8": good})
    assert not sound({"cpu-int8": good, "fp16": bad})
    assert not sound({})
