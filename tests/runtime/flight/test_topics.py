"""Messages in JSON: nothing is lost on the way there and back, and the schema says what is in them."""

import base64
import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.flight_rig import Script, fly
from interfaces.flight import ActionInference, CommandCycle, ForesightInference
from interfaces.messages import ActionChunk, Foresight, Frame
from interfaces.robot_config import RobotConfig
from runtime.flight import decode, topics


@pytest.fixture(scope="module")
def cycles(robot: RobotConfig) -> tuple[CommandCycle, ...]:
    return fly(robot, Script(periods=20)).cycles


def chunk(*values: float) -> ActionChunk:
    return ActionChunk(
        sequence=2**63,
        t_capture_ns=1,
        t_state_ns=2**62 + 1,
        t_first_ns=3,
        step_ns=4,
        foresight_age_ns=5,
        position_rad=np.array([values, values]),
    )


@given(st.lists(st.floats(width=64, allow_infinity=False), min_size=1, max_size=6))
def test_every_float_survives_to_the_last_bit(values: list[float]) -> None:
    got = decode.chunk(topics.to_json(topics.chunk_fields(chunk(*values))))
    np.testing.assert_array_equal(got.position_rad, chunk(*values).position_rad)
    assert (got.sequence, got.t_state_ns) == (2**63, 2**62 + 1)


def test_what_json_lacks_is_null() -> None:
    text = topics.to_json(topics.chunk_fields(chunk(float("nan"), float("inf"), 0.5)))
    assert json.loads(text)["position_rad"] == [[None, None, 0.5]] * 2


def test_a_cycle_has_every_field_by_its_name(cycles: tuple[CommandCycle, ...]) -> None:
    for cycle in cycles:
        fields = json.loads(topics.to_json(topics.cycle_fields(cycle)))
        assert list(fields) == [item.name for item in dataclasses.fields(CommandCycle)]
        assert fields["state"] == cycle.state.name
        assert [told["kind"] for told in fields["inputs"]] == [told.kind.name for told in cycle.inputs]
        assert all(set(told) == {"kind", "t_ns", "why", "chunk_sequence"} for told in fields["inputs"])


def test_foresight_and_inference_are_exact() -> None:
    tokens = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    foresight = Foresight(sequence=4, instruction="stow", t_capture_ns=1, t_done_ns=9, tokens=tokens)
    run = ForesightInference(sequence=3, t_start_ns=2, foresight=foresight)
    fields = topics.foresight_fields(run)
    assert "t_earlier_ns" not in fields  # of a policy that sees one picture nothing more is recorded than ever
    assert decode.foresight(topics.to_json(fields)).foresight.t_earlier_ns == ()
    back = dataclasses.replace(run, foresight=dataclasses.replace(foresight, t_earlier_ns=(2**60 + 1, 2**60 + 3)))
    again = decode.foresight(topics.to_json(topics.foresight_fields(back)))
    assert again.foresight.t_earlier_ns == (2**60 + 1, 2**60 + 3)
    assert np.frombuffer(base64.b64decode(fields["tokens"]), "<f4").reshape(fields["shape"]).tolist() == tokens.tolist()
    action = ActionInference(
        sequence=1,
        chunk_sequence=2,
        foresight_sequence=3,
        t_start_ns=4,
        t_done_ns=5,
        t_state_ns=6,
        joints_rad=np.arange(6.0) / 7,
        noise=tokens,
    )
    got = decode.inference(topics.to_json(topics.inference_fields(action)))
    np.testing.assert_array_equal(got.noise, tokens)
    np.testing.assert_array_equal(got.joints_rad, action.joints_rad)


def test_the_schemas_name_what_is_there(cycles: tuple[CommandCycle, ...]) -> None:
    tokens = np.zeros((2, 3), np.float32)
    foresight = Foresight(sequence=4, instruction="", t_capture_ns=1, t_done_ns=9, tokens=tokens, t_earlier_ns=(0,))
    frame = Frame(
        camera="front", number=1, t_capture_ns=2, t_arrival_ns=3, rgb=np.zeros((2, 2, 3), np.uint8), depth_mm=None
    )
    pairs: list[tuple[topics.Schema, dict[str, Any]]] = [
        (topics.CYCLE_SCHEMA, topics.cycle_fields(cycles[-1])),
        (topics.CHUNK_SCHEMA, topics.chunk_fields(chunk(1.0))),
        (
            topics.FORESIGHT_SCHEMA,
            topics.foresight_fields(ForesightInference(sequence=3, t_start_ns=2, foresight=foresight)),
        ),
        (topics.FRAME_SCHEMA, topics.frame_fields(frame)),
    ]
    for schema, fields in pairs:
        assert set(schema["properties"]) == set(fields)
        json.dumps(schema)
    assert topics.CYCLE_SCHEMA["title"] == "forerun.Cycle"
    assert set(topics.CYCLE_SCHEMA["properties"]["joints"]["properties"]) >= {"t_measured_ns", "position_rad"}
