"""What a person may look at fits one reply, is what is there, and is made at most so often."""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from bench.policy_rig import CommandPeer, wait_until
from interfaces.errors import RefusedError
from interfaces.messages import ContextTokens, Foresight, Frame
from interfaces.request_socket import REPLY_MAX_BYTES, RequestClient
from interfaces.robot_config import RobotConfig
from runtime.policy.board import PolicyBoard
from runtime.policy.look import JPEG_MAX_BYTES, PICTURE_PAUSE_NS, Look, Shown
from runtime.policy_process import PolicyProcess

MS = 1_000_000


def decoded(shown: Shown) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(shown["jpeg"])))


def looking_at(frame: Frame) -> tuple[Look, PolicyBoard]:
    board = PolicyBoard()
    board.view(frame.camera).frame = frame
    return Look(board), board


def foreseen(tokens: ContextTokens) -> Look:
    board = PolicyBoard()
    board.foresights.put(Foresight(sequence=7, instruction="push", t_capture_ns=0, t_done_ns=5, tokens=tokens))
    return Look(board)


def test_the_picture_is_the_newest_one_of_the_camera(make_frame: Callable[..., Frame]) -> None:
    look, board = looking_at(make_frame(t_capture_ns=10 * MS, colour=51))
    board.view("wrist").frame = replace(make_frame(t_capture_ns=12 * MS, colour=200), camera="wrist", number=9)
    front, wrist = look.picture(None, 40 * MS), look.picture("wrist", 40 * MS)
    assert front == look.picture("front", 40 * MS)
    assert (front["camera"], front["age_ms"], wrist["camera"], wrist["age_ms"]) == ("front", 30.0, "wrist", 28.0)
    assert (wrist["number"], front["width_px"], front["height_px"]) == (9, 424, 240)
    for shown, colour in ((front, 51), (wrist, 200)):
        picture = decoded(shown)
        assert picture.format == "JPEG"
        assert picture.size == (424, 240)
        assert abs(float(np.asarray(picture).mean()) - colour) < 2


def test_the_largest_and_worst_picture_fits_a_reply() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    frame = Frame(camera="front", number=1, t_capture_ns=0, t_arrival_ns=0, rgb=noise, depth_mm=None)
    shown = looking_at(frame)[0].picture("front", 0)
    assert len(base64.b64decode(shown["jpeg"])) <= JPEG_MAX_BYTES
    assert len(json.dumps(shown)) < REPLY_MAX_BYTES
    assert decoded(shown).size == (shown["width_px"], shown["height_px"])
    assert shown["width_px"] <= 640


def test_no_more_pictures_are_encoded_than_people_can_see(make_frame: Callable[..., Frame]) -> None:
    look, board = looking_at(make_frame(t_capture_ns=0, colour=20))
    first = look.picture(None, 0)
    board.view("front").frame = make_frame(t_capture_ns=30 * MS, colour=220)
    soon = look.picture(None, 40 * MS)
    assert (soon["jpeg"], soon["age_ms"]) == (first["jpeg"], 40.0)
    later = look.picture(None, PICTURE_PAUSE_NS)
    assert later["jpeg"] != first["jpeg"]
    assert later["age_ms"] == PICTURE_PAUSE_NS / MS - 30


def test_no_more_foresight_is_drawn_than_people_can_see() -> None:
    board = PolicyBoard()
    look = Look(board)
    for k, t_ns in enumerate((0, PICTURE_PAUSE_NS - 1, PICTURE_PAUSE_NS)):
        tokens = np.full((2, 2), k, np.float32)
        board.foresights.put(
            Foresight(sequence=k, instruction="push", t_capture_ns=t_ns, t_done_ns=t_ns, tokens=tokens)
        )
        shown = look.foresight(t_ns)
        assert (shown["sequence"], shown["tokens"][0][0]) == ((0, 0.0) if k < 2 else (2, 2.0))
        assert shown["age_ms"] == (round(t_ns / MS, 1) if k < 2 else 0.0)


def test_what_is_not_there_is_refused() -> None:
    board = PolicyBoard()
    look = Look(board)
    with pytest.raises(RefusedError, match="sees through none"):
        look.picture(None, 0)
    board.view("front")
    with pytest.raises(RefusedError, match="camera front: no picture yet"):
        look.picture(None, 0)
    with pytest.raises(RefusedError, match="camera 'back'; the policy sees through front"):
        look.picture("back", 0)
    with pytest.raises(RefusedError, match="no foresight yet"):
        look.foresight(0)


def test_small_foresight_is_shown_whole() -> None:
    shown = foreseen(np.array([[0.12345, -2.0], [np.nan, 1e-9]], np.float32)).foresight(48 * MS)
    assert shown["tokens"] == [[0.123, -2.0], [None, 0.0]]
    assert (shown["n_tokens"], shown["token_dim"], shown["tokens_per_row"]) == (2, 2, 1)
    assert (shown["age_ms"], shown["instruction"], shown["sequence"]) == (48.0, "push", 7)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 300), st.integers(1, 300)),
        elements=st.floats(-1e6, 1e6, width=32),
        fill=st.just(np.float32(0.5)),
    )
)
def test_any_foresight_fits_a_reply_and_keeps_its_mean(tokens: ContextTokens) -> None:
    shown = foreseen(tokens).foresight(0)
    assert len(json.dumps(shown)) < REPLY_MAX_BYTES
    values, rows, columns = np.array(shown["tokens"]), shown["tokens_per_row"], shown["features_per_column"]
    assert values.shape == (-(-tokens.shape[0] // rows), -(-tokens.shape[1] // columns))
    np.testing.assert_allclose(values[0, 0], tokens[:rows, :columns].mean(dtype=np.float64), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        values[-1, -1],
        tokens[(values.shape[0] - 1) * rows :, (values.shape[1] - 1) * columns :].mean(dtype=np.float64),
        rtol=1e-3,
        atol=1e-3,
    )


def test_the_process_shows_both_over_its_socket(
    peer: CommandPeer, run_folder: Path, robot: RobotConfig, start_policy: Callable[..., PolicyProcess]
) -> None:
    process = start_policy()
    with RequestClient(run_folder / robot.runtime.control_socket) as control:
        assert "no foresight yet" in control.request({"foresight": True})["error"]
        process.follow("push")
        peer.wait_for_chunks(3)
        picture, foresight = control.request({"picture": "front"}), control.request({"foresight": True})
        assert decoded(picture).size == (424, 240)
        assert np.array(foresight["tokens"]).shape == (2, 4)
        number = picture["number"]
        wait_until(lambda: control.request({"picture": True})["number"] > number, "a newer picture")
        status = control.request({"status": True})
        assert status["bundle"] == {
            "name": "tiny",
            "runs_as": "fp32 on ONNX Runtime",
            "on_trial": False,
            "fallback": False,
        }
        assert status["hanging"] == []
