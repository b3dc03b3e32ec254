"""The walk of the arm, on an arm that is at once where it is sent: ways that are clear, touches, time to write, and home."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from calibration.capture.balance import Array, Balance
from calibration.capture.by_itself import SelfShow
from calibration.capture.room import Room
from calibration.geometry.chain import chain_of
from calibration.session.touch import TouchError
from interfaces.errors import DeviceError
from interfaces.robot_config import load_robot

ROBOT = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml")
ARM = ROBOT.arm
HOME_RAD = ARM.vector("rest_rad")


@dataclass(slots=True)
class State:
    position_rad: Array


@dataclass(slots=True)
class Beat:
    joints: State


@dataclass(slots=True)
class Session:
    """Moves in ten beats, and touches something on the way to the moves in `touches`, counted from 0."""

    touches: frozenset[int] = frozenset()
    here_rad: Array = field(default_factory=HOME_RAD.copy)
    ways: list[tuple[Array, Array]] = field(default_factory=list[tuple[Array, Array]])
    n_reads: int = 0
    config: Any = ARM
    may_rest: Any = None

    def hold(self) -> State:
        return State(self.here_rad)

    def while_computing(self, compute: Any) -> Any:
        return compute()

    def read(self) -> State:
        self.n_reads += 1
        return State(self.here_rad)

    def move(self, pose_rad: Array, each_beat: Any = None) -> State:
        start_rad = self.here_rad
        self.ways.append((start_rad, pose_rad))
        touched = len(self.ways) - 1 in self.touches
        for share in np.linspace(0.0, 0.5 if touched else 1.0, 10):
            self.here_rad = start_rad + share * (pose_rad - start_rad)
            if each_beat is not None:
                each_beat(Beat(State(self.here_rad)))
        if touched:
            raise TouchError("elbow pushes")
        return State(self.here_rad)


@dataclass(slots=True)
class Collector:
    """Keeps what is new at once."""

    balance: Balance
    n_waiting: int = 0
    n_written: int = 0

    def see(self, joints: State) -> bool:
        if not self.balance.is_new(joints.position_rad):
            return False
        self.balance.add(joints.position_rad)
        self.n_waiting += 1
        return True

    def write_one(self) -> bool:
        if not self.n_waiting:
            return False
        self.n_waiting -= 1
        self.n_written += 1
        return True


@dataclass(slots=True)
class Operator:
    said: list[str] = field(default_factory=list[str])

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, what: str, share: float) -> None:
        assert 0.0 <= share <= 1.0
        self.said.append(what)


ROOM = Room(chain=chain_of(ROBOT), table_z_m=0.0, clearance_m=0.04, cameras_m=np.empty((0, 3)))


def show(session: Session, n_wanted: int = 40) -> tuple[Collector, Operator]:
    collector, operator = Collector(Balance(ARM, n_wanted)), Operator()
    walk = SelfShow(
        session=cast("Any", session),
        collector=cast("Any", collector),
        room=ROOM,
        operator=cast("Any", operator),
        rng=np.random.default_rng(0),
    )
    walk.run()
    return collector, operator


def test_enough_is_kept_all_is_written_and_the_arm_comes_home() -> None:
    session = Session()
    collector, operator = show(session)
    assert collector.balance.is_complete
    assert collector.n_written == 40
    assert session.n_reads >= 40  # a period for each that is written, so that what is held stays held
    np.testing.assert_allclose(session.here_rad, HOME_RAD, atol=1e-12)
    assert "40 of 40" in operator.said[-1]


def test_the_way_to_rest_is_looked_at_first() -> None:
    session = Session()
    show(session)
    assert session.may_rest()  # from home
    raised, beyond = HOME_RAD.copy(), HOME_RAD.copy()
    raised[1] -= 0.3
    beyond[0] += 1.5
    assert session.ways
    for session.here_rad in (raised, beyond):
        assert session.may_rest() == ROOM.clear_ways(HOME_RAD, session.here_rad[None])[0]
    session.here_rad = HOME_RAD + np.array([0.0, 1.5, 0.0, 0.0, 0.0, 0.0])  # through the table
    assert not session.may_rest()


def test_every_way_is_clear() -> None:
    session = Session()
    show(session)
    for start_rad, goal_rad in session.ways:
        forth, back = ROOM.clear_ways(start_rad, goal_rad[None])[0], ROOM.clear_ways(goal_rad, start_rad[None])[0]
        assert forth or (back and np.allclose(goal_rad, HOME_RAD))


def test_samples_are_spread_over_the_whole_walk() -> None:
    session = Session()
    show(session, n_wanted=100)
    n_poses = 50
    assert len(session.ways) > 0.8 * n_poses  # it is not done when it has hardly begun


def test_after_a_touch_it_goes_back_where_it_came_from_and_on_to_the_next() -> None:
    session = Session(touches=frozenset({2}))
    collector, operator = show(session)
    came_from, _ = session.ways[2]
    np.testing.assert_array_equal(session.ways[3][1], came_from)
    assert any("elbow pushes" in text for text in operator.said)
    assert collector.balance.is_complete
    np.testing.assert_allclose(session.here_rad, HOME_RAD, atol=1e-12)


def test_an_arm_that_touches_something_again_and_again_stops() -> None:
    session = Session(touches=frozenset(range(0, 100, 2)))
    with pytest.raises(DeviceError, match="4 touches: clear the table"):
        show(session)
