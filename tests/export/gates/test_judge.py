"""At the limit is passed, beyond is failed with frame and joint, NaN is failed, and what was not measured says why."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.gates.figures import Figures, Worst
from export.gates.judge import all_passed, judge, skipped
from export.gates.limits import limits_of
from interfaces.bundle_artefact import Precision

settings.register_profile("judge", deadline=None)  # examples are not timed: a busy machine makes any of them slow
settings.load_profile("judge")

GOOD = Figures(
    frames=300,
    action_error=Worst(0.01, "frame 217, joint wrist_flex"),
    action_cosine=Worst(0.999, "frame 3"),
    foresight_cosine=Worst(0.99, "frame 4"),
    action_max_abs_rad=Worst(0.02, "frame 217, joint wrist_flex"),
    foresight_max_abs=Worst(0.1, "frame 4"),
    joints=(),
)


def outcomes(figures: Figures, precision: Precision) -> dict[str, str]:
    """Return the outcome of each gate."""
    return {gate.name: gate.outcome for gate in judge(figures, limits_of(precision))}


def test_at_the_limit_of_fp16_all_is_passed() -> None:
    gates = judge(GOOD, limits_of("fp16"))
    assert [(gate.name, gate.limit, gate.outcome) for gate in gates] == [
        ("action error", 0.01, "passed"),
        ("action cosine", 0.999, "passed"),
        ("foresight cosine", 0.99, "passed"),
    ]
    assert gates[0].worst == "frame 217, joint wrist_flex"
    assert all_passed(gates)


@pytest.mark.parametrize("precision", ["cpu-int8", "trt-int8"])
def test_int8_may_be_twice_as_far_off(precision: Precision) -> None:
    worse = replace(GOOD, action_error=Worst(0.02, "frame 1, joint grip"), action_cosine=Worst(0.995, "frame 1"))
    assert set(outcomes(worse, precision).values()) == {"passed"}
    assert outcomes(worse, "fp16") == {
        "action error": "failed",
        "action cosine": "failed",
        "foresight cosine": "passed",
    }


@given(
    st.sampled_from(["action_error", "action_cosine", "foresight_cosine"]),
    st.floats(1e-9, 1.0) | st.just(np.nan) | st.just(np.inf),
    st.sampled_from(["fp16", "cpu-int8"]),
)
def test_anything_beyond_fails_its_own_gate_alone(figure: str, beyond: float, precision: Precision) -> None:
    limits = limits_of(precision)
    limit = limits.of(figure.replace("_", " "))
    value = limit + beyond if figure == "action_error" else limit - beyond
    gates = judge(replace(GOOD, **{figure: Worst(value, "frame 9")}), limits)
    failed = [(gate.name, gate.worst) for gate in gates if gate.outcome == "failed"]
    assert not any(np.isnan(gate.measured) for gate in gates)  # manifests hold no NaN
    assert failed == [(figure.replace("_", " "), "frame 9")]
    assert not all_passed(gates)


def test_a_skipped_gate_says_why_and_alone_proves_nothing() -> None:
    gate = skipped("closed loop", limits_of("fp16"), "the simulator has no such robot")
    assert (gate.outcome, gate.limit, gate.worst) == ("skipped", 0.02, "the simulator has no such robot")
    assert not all_passed((gate,))
    assert all_passed((*judge(GOOD, limits_of("fp16")), gate))
