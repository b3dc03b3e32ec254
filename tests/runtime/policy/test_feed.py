"""What the policy process tells a recorder: pictures, inferences and lines, as it had them."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from interfaces.flight_wire import MAX_MESSAGE, decode_foresight, decode_line
from interfaces.messages import Foresight, Frame
from interfaces.robot_config import load_robot
from runtime.flight.frame_ring import FrameRingReader, ring_path
from runtime.policy.feed import PolicyFeed, RecordedLog

CAMERA = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml").cameras[0]
FORESIGHT = Foresight(
    sequence=4, instruction="push", t_capture_ns=1, t_done_ns=2, tokens=np.arange(12, dtype=np.float32).reshape(3, 4)
)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[socket.socket]:
    """Return the socket of a recorder."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(tmp_path / "r"))
        listening.listen()
        listening.settimeout(10)
        yield listening


def test_a_foresight_and_a_line_arrive_and_are_numbered(tmp_path: Path, recorder: socket.socket) -> None:
    feed = PolicyFeed(tmp_path / "r", [CAMERA])
    feed.foresight(FORESIGHT, t_start_ns=1)
    log = logging.getLogger("a policy")
    log.addHandler(RecordedLog(feed))
    log.error("camera %s: gone", "front")
    feed.foresight(replace(FORESIGHT, tokens=np.zeros((400, 400), np.float32)), t_start_ns=3)  # no message holds it
    feed.foresight(FORESIGHT, t_start_ns=5)
    connection, _ = recorder.accept()
    first, line, third = (connection.recv(MAX_MESSAGE) for _ in range(3))
    feed.close()
    np.testing.assert_array_equal(decode_foresight(first).foresight.tokens, FORESIGHT.tokens)
    assert (decode_line(line).text, decode_line(line).level) == ("camera front: gone", logging.ERROR)
    assert [decode_foresight(data).sequence for data in (first, third)] == [1, 3]


def test_pictures_lie_where_the_recorder_looks_and_are_gone_at_the_end(tmp_path: Path) -> None:
    feed = PolicyFeed(tmp_path / "r", [CAMERA])
    reader = FrameRingReader(ring_path(tmp_path / "r", CAMERA.name))
    rgb = np.random.default_rng(0).integers(0, 255, (CAMERA.height_px, CAMERA.width_px, 3), np.uint8)
    feed.frame(Frame(camera=CAMERA.name, number=7, t_capture_ns=1, t_arrival_ns=2, rgb=rgb, depth_mm=None))
    seen = reader.newest()
    assert seen is not None
    assert seen.number == 7
    np.testing.assert_array_equal(seen.rgb, rgb)
    feed.close()
    assert not ring_path(tmp_path / "r", CAMERA.name).exists()


def test_without_room_for_pictures_the_rest_goes_on(tmp_path: Path) -> None:
    feed = PolicyFeed(tmp_path / "nowhere" / "r", [CAMERA])
    feed.frame(
        Frame(
            camera="front", number=1, t_capture_ns=1, t_arrival_ns=2, rgb=np.zeros((2, 2, 3), np.uint8), depth_mm=None
        )
    )
    feed.foresight(FORESIGHT, t_start_ns=1)
    feed.close()
