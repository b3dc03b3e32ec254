"""The hand in real time leads the limp arm by requests alone."""

from __future__ import annotations

import json

import numpy as np

from bench.workplace.live_hand import LiveHand
from interfaces.request_socket import JsonObject
from interfaces.toml_loader import from_table
from sim.live_world import LiveWorld
from sim.motors.servo_world import ServoWorld
from sim.truth import BoardPlace, Truth
from sim.world import World

TICK_NS = 20_000_000


class _AnsweringWorld:
    """A limp arm that lives 20 ms between any two requests."""

    def __init__(self) -> None:
        self.world = World(Truth(hard_stops=True))
        self._live = LiveWorld(self.world, ServoWorld(self.world), 10**12, 0)
        self._t_ns = 0
        self.seen_rad = [self.world.joint_positions_rad]

    def request(self, request: JsonObject) -> JsonObject:
        if "hand" in request:
            self._live.guide(request["hand"])
        self.pause(0.02)
        return self._live.status()

    def pause(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds * 1e9 / TICK_NS))):
            self._t_ns += TICK_NS
            self._live.advance(self._t_ns)
            self.seen_rad.append(self.world.joint_positions_rad)


def test_every_joint_is_swept_and_a_pose_is_held() -> None:
    answering = _AnsweringWorld()
    pose_rad = np.array([0.2, -0.8, 0.3, 0.5, 0.1, 0.4])
    hand = LiveHand(answering, pose_rad, seconds=0.0, seed=0)
    hand.pause = answering.pause
    hand.do("sweep")
    low_rad, high_rad = answering.world.model.jnt_range[:6].T
    np.testing.assert_allclose(np.min(answering.seen_rad, axis=0), low_rad, atol=3e-3)
    np.testing.assert_allclose(np.max(answering.seen_rad, axis=0), high_rad, atol=3e-3)
    hand.do("hold-pose")
    np.testing.assert_allclose(answering.world.joint_positions_rad, pose_rad, atol=2e-3)
    hand.do("let-go")
    assert answering.world.hand.is_idle


def test_the_board_is_waved_and_taken_away() -> None:
    answering = _AnsweringWorld()
    hand = LiveHand(answering, np.zeros(6), seconds=4.0, seed=1)
    hand.pause = answering.pause
    places: list[JsonObject] = []
    answer = answering.request
    answering.request = lambda request: places.append(request) or answer({"status": True})
    hand.do("show-board")
    # As it comes out of the socket.
    shown = [from_table(json.loads(json.dumps(request))["board"], BoardPlace, "request") for request in places]
    assert len({place.translation_m for place in shown}) > 10
    hand.do("board-away")
    assert places[-1] == {"board": None}
